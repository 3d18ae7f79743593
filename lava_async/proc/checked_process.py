"""Processes that refuse a ProcessModel which cannot compute what they say, in the caller and before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from lava.magma.core.process.process import AbstractProcess

from lava_async.errors import InvalidValue, unknown_argument

if TYPE_CHECKING:
    from lava.magma.core.model.model import AbstractProcessModel


class CheckedProcess(AbstractProcess):
    """A Lava Process that looks at the ProcessModel which Lava's compiler chose for it.

    Attributes
    ----------
    arithmetic : {"floating_pt", "fixed_pt"} or None
        Tag that the model must have; None: any.
    """

    arithmetic: str | None = None
    _runtime = None  # Lava's __del__ asks for it, also if a constructor raises.

    def refuse(self, unknown: Mapping[str, object]) -> None:
        """Raise an error if there are arguments that the constructor does not know.

        Lava's own Processes keep them in silence, so that a misspelt one does nothing.
        """
        constructors = [signature(cls.__init__) for cls in type(self).__mro__ if issubclass(cls, CheckedProcess)]
        taken = [
            name
            for constructor in constructors
            for name, p in constructor.parameters.items()
            if p.kind is Parameter.KEYWORD_ONLY
        ]
        for name, value in unknown.items():
            raise unknown_argument(type(self).__name__, name, value, taken)

    @property
    def _model_class(self) -> Any:
        return self._chosen_model

    @_model_class.setter
    def _model_class(self, model: Any) -> None:  # The compiler sets it.
        if model is not None:
            self.check_model(model)
        self._chosen_model = model

    def check_model(self, model: type[AbstractProcessModel]) -> None:
        """Raise if a ProcessModel cannot run this Process."""
        if self.arithmetic and self.arithmetic not in model.tags:
            raise InvalidValue(
                f"ProcessModel of {type(self).__name__} {self.name!r}",
                model.__name__,
                f"tagged {self.arithmetic}, as the network is: use select_tag={self.arithmetic!r}",
            )
