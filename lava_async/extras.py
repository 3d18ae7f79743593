"""The extras of this package: what each brings, whether it is installed, and the command that installs it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec

#: The versions of Lava that this package is written for: distribution -> version.
LAVA = {"lava-nc": "0.10.0", "lava-dl": "0.6.0"}
#: Extra -> modules that are imported where it is needed.
EXTRAS = {
    "lava": ("lava.magma", "asteval", "networkx", "scipy"),
    "train": ("torch", "lava.lib.dl", "sklearn", "tqdm"),
    "plots": ("matplotlib",),
    "nir": ("nir",),
    "study": ("distributed",),
    "notebook": ("ipykernel", "nbclient", "nbformat"),
    "tensorboard": ("tensorboard",),
    "datasets": ("tonic",),
}
_DISTRIBUTIONS = {"lava.magma": "lava-nc", "lava.lib.dl": "lava-dl", "sklearn": "scikit-learn"}


class MissingExtra(ImportError):  # noqa: N818 (reads as what it says)
    """An optional package is not installed.

    Parameters
    ----------
    what : str
        What needs it, for example ``"lava_async.training"``.
    extra : str
        The extra that brings it, a key of :data:`EXTRAS`.
    module : str
        The module that was not found.
    """

    def __init__(self, what: str, extra: str, module: str) -> None:
        super().__init__(
            f"{what} needs {distribution(module)}, which is not installed: {command(extra, module)}", name=module
        )
        self.what, self.extra, self.module = what, extra, module

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str, str]]:
        return type(self), (self.what, self.extra, self.module)


def distribution(module: str) -> str:
    """Return the name of the package to install for a module of :data:`EXTRAS`.

    Examples
    --------
    >>> from lava_async.extras import distribution
    >>> distribution("sklearn"), distribution("lava.magma")
    ('scikit-learn', 'lava-nc')
    """
    return _DISTRIBUTIONS.get(module, module)


def command(extra: str, module: str) -> str:
    """Return the command that installs a module of an extra.

    lava-nc and lava-dl declare Python 3.10 alone, so later versions install them without what they declare.

    Examples
    --------
    >>> from lava_async.extras import command
    >>> command("plots", "matplotlib")
    'pip install "lava-async[plots]"'
    """
    if distribution(module) in LAVA and sys.version_info >= (3, 11):
        pins = " ".join(f"{name}=={version}" for name, version in LAVA.items())
        return f"pip install --no-deps --ignore-requires-python {pins}"
    return f'pip install "lava-async[{extra}]"'


def missing(extra: str) -> list[str]:
    """Return the modules of an extra that are not installed; nothing is imported but their parent packages.

    Examples
    --------
    >>> from lava_async.extras import missing
    >>> missing("plots")
    []
    """
    return [module for module in EXTRAS[extra] if not _is_installed(module)]


def require(extra: str, what: str) -> None:
    """Raise :class:`MissingExtra` unless all modules of an extra are installed.

    Examples
    --------
    >>> from lava_async.extras import require
    >>> require("plots", "report_html")
    """
    for module in missing(extra):
        raise MissingExtra(what, extra, module)


@contextlib.contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Import what is in an extra; where it is not installed, raise :class:`MissingExtra`.

    Examples
    --------
    >>> with needs("plots", "a picture"):
    ...     from matplotlib.figure import Figure
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if found := explain(error, what, [extra]):
            raise found from None
        raise


def explain(error: ModuleNotFoundError, what: str, extras: Iterable[str] = EXTRAS) -> MissingExtra | None:
    """Return the error to raise instead of a failed import of a module of some extras; None for other modules.

    Examples
    --------
    >>> from lava_async.extras import explain
    >>> error = explain(ModuleNotFoundError("No module named 'tonic'", name="tonic"), "download()")
    >>> type(error).__name__, explain(ModuleNotFoundError(name="elsewhere"), "download()")
    ('MissingExtra', None)
    """
    for extra in extras:
        for module in EXTRAS[extra]:
            if error.name is not None and f"{module}.".startswith(f"{error.name}."):
                return MissingExtra(what, extra, module)
    return None


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False
