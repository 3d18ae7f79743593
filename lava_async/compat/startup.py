"""Changes Lava also for programs that import Lava before lava_async, or do not know lava_async at all.

On Python 3.11 and later Lava fails while it is imported, before anything of lava_async could say a word. So this file
is installed twice: here, and beside the package as ``_lava_async_startup.py``, which ``lava_async_startup.pth`` has
Python import when it starts. It must stay small and import nothing: it runs in every process of the environment.
"""

import sys


class LavaFinder:
    """Imports lava_async before the first module of Lava, and finds nothing itself."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Return nothing: the finders that come next find Lava."""
        if name == "lava":
            sys.meta_path.remove(LavaFinder)
            try:
                import lava_async.compat  # noqa: F401
            except ModuleNotFoundError as error:  # It was removed without its files beside it.
                if error.name != "lava_async":
                    raise


# On Python 3.10 Lava needs no change.
if __name__ == "_lava_async_startup" and sys.version_info >= (3, 11):
    sys.meta_path.insert(0, LavaFinder)
