"""What a neuron model is: parameters by name, a state of named numbers, and four functions of both.

A model is a frozen dataclass in a file of its own: its fields are the parameters, scalars or one per neuron, and its
methods are the four parts of section 8.0 of the semantics, each a pure function of arrays of n neurons:

``open(p, s, held)``
    A new time step opens: decay and bias.
``integrate(p, s, arriving, refractory)``
    A group was delivered; `arriving` is the sum of what reached each neuron.
``fires(p, s)`` and ``momentum(p, s)``
    The check, and what schedules rank by.
``fire(p, s, once)``
    What firing does to the state of the neurons that fire, and the payload that each of them sends.

`p` holds the parameters as :meth:`NeuronModel.arrays` makes them, `s` maps the names in `state` to arrays. The queue,
schedules, refractoriness, delays, stop rules and records do not depend on the model. The reference engine runs any
model; the core, files and gradients take those that they know, and refuse the others by name. A model that can be
trained says so (:class:`Training`); its derivatives are beside its equations in the core and in
``lava_async/training/dense_models.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from lava_async.errors import InvalidType, InvalidValue, not_among
from lava_async.records import ArrayRecord, check_range, integer_array, read_only, real_array

if TYPE_CHECKING:
    from types import EllipsisType

    from typing_extensions import TypeVar

    Index = NDArray[np.int64] | slice | EllipsisType
    """Which neurons."""
    P = TypeVar("P", bound=tuple[NDArray[Any], ...], default=Any)
    """The parameters of a model as arrays, a named tuple."""
else:
    from typing import TypeVar

    P = TypeVar("P")

Fields = dict[str, NDArray[Any]]
"""A state: an array of n numbers under each name."""
Reader = Callable[[str, ArrayLike], NDArray[Any]]
"""Reads a parameter, given what errors call it."""

LARGEST = float(np.finfo(np.float32).max)
_INT32 = 2**31 - 1
_OF_EVERY_MODEL = "refractory_steps", "sync_threshold"


class Training(NamedTuple):
    """What training knows of a model besides its derivatives: its units. Models in floating point have none.

    Examples
    --------
    >>> from lava_async import LoihiParams
    >>> LoihiParams(du=4095, dv=0, vth=70).training
    Training(factors=('keep_u', 'keep_v'), state_scale=4096, payload_scale=1)
    """

    factors: tuple[str, ...] = ()
    """Numbers of ``arrays()`` that are factors of the state; integers are 4096ths. All others are in its units."""
    state_scale: int = 1
    """How many of its units of the state a unit of the gradient is."""
    payload_scale: int = 1
    """The same of what it sends."""


@dataclass(frozen=True, eq=False, kw_only=True)
class NeuronModel(ArrayRecord, ABC, Generic[P]):
    """Parameters of neurons of one model, and what the model does with them.

    Parameters
    ----------
    refractory_steps : int or (N,) int
        A neuron that fires in time step t is not checked in the time steps t + 1 .. t + refractory_steps.
    sync_threshold : int or (N,) int
        A neuron may fire only in a time step in which at least so many synaptic operations have reached it; 0: in any.

    Examples
    --------
    >>> from lava_async import CubaParams, LoihiParams
    >>> [model.state for model in (CubaParams, LoihiParams)], issubclass(CubaParams, NeuronModel)
    ([('u', 'v'), ('u', 'v')], True)
    """

    refractory_steps: ArrayLike = 0
    sync_threshold: ArrayLike = 0

    tag: ClassVar[str] = "floating_pt"
    """Arithmetic, in Lava's words: "floating_pt" or "fixed_pt"."""
    dtype: ClassVar[type] = np.float32
    """Of the state: float32, or int64 for integers."""
    weight_dtype: ClassVar[type] = np.float32
    state: ClassVar[tuple[str, ...]] = ("u", "v")
    """Names of the numbers that a neuron keeps; zero at the start of a sample unless `start` says otherwise."""
    graded: ClassVar[bool] = False
    """Whether payloads are signed numbers; else each is a count of spikes, >= 1."""
    complex_weights: ClassVar[bool] = False
    """Whether synapses have a real and an imaginary weight; `arriving` is then (2, n)."""
    ranges: ClassVar[dict[str, tuple[float, float]]] = {}
    """Lowest and highest value of each parameter; any finite number where a parameter is left out."""
    choices: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Parameters that are one word for all neurons, the default first."""
    core: ClassVar[str] = ""
    """Name of the model in the core (``lava_async/core/neurons``), which it then runs; its words follow."""
    derivatives: ClassVar[Training | None] = None
    """How it is trained; None: it has no derivatives, and networks with such neurons cannot be trained."""

    def __post_init__(self) -> None:
        read = integer_array if self.dtype is np.int64 else real_array
        for name in self.names():
            where = f"{type(self).__name__}.{name}"
            value = getattr(self, name)
            if name in self.choices:
                if not isinstance(value, str) or value not in self.choices[name]:
                    raise not_among(where, value, self.choices[name])
                continue
            whole = name in _OF_EVERY_MODEL
            array = integer_array(where, value) if whole else self.read(name, where, value, read)
            low, high = (0, _INT32) if whole else self.ranges.get(name, (-np.inf, np.inf))
            check_range(where, array, low, high)
            object.__setattr__(self, name, read_only(array))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all parameters, those of every model last."""
        found = [f.name for f in fields(cls)]
        return (*found[2:], *found[:2])

    def numbers(self) -> tuple[str, ...]:
        """Return the names of the parameters that are numbers and say something: those of every model if not 0."""
        extras = [name for name in _OF_EVERY_MODEL if np.any(getattr(self, name))]
        return (*(name for name in self.names() if name not in (*self.choices, *_OF_EVERY_MODEL)), *extras)

    def read(self, name: str, where: str, value: ArrayLike, usual: Reader) -> NDArray[Any]:
        """Return a parameter as an array; `usual` is how those of the arithmetic are read."""
        array: NDArray[Any] = usual(where, value)
        return array

    def expanded(self, n: int) -> NeuronModel:
        """Return the same parameters with one value per neuron, for n neurons."""
        arrays: dict[str, Any] = {}
        for name in self.names():
            arrays[name] = getattr(self, name)
            if name not in self.choices:
                array = np.asarray(arrays[name])
                if array.shape not in ((), (1,), (n,)):
                    raise InvalidValue(f"{type(self).__name__}.{name}.shape", array.shape, f"() or ({n},)")
                arrays[name] = np.broadcast_to(array, (n,))
        return type(self)(**arrays)

    def part(self, which: slice) -> NeuronModel:
        """Return the parameters of some of the neurons."""
        return type(self)(
            **{x: getattr(self, x) if x in self.choices else getattr(self, x)[which] for x in self.names()}
        )

    def at(self, places: NDArray[np.int64]) -> NeuronModel:
        """Return the parameters of neurons in the order of `places`."""
        return type(self)(
            **{x: getattr(self, x) if x in self.choices else getattr(self, x)[places] for x in self.names()}
        )

    def words(self) -> tuple[str, ...]:
        """Return the values of the parameters that are words; layers that differ in them are of different models."""
        return tuple(getattr(self, name) for name in self.choices)

    @property
    def extras(self) -> tuple[str, ...]:
        """What is asked for besides the model as such, as in ("reset='subtract'", "refractory_steps")."""
        chosen = [f"{name}={word!r}" for name, word in zip(self.choices, self.words(), strict=True)]
        default = [f"{name}={words[0]!r}" for name, words in self.choices.items()]
        found = [x for x in chosen if x not in default]
        return (*found, *(x for x in _OF_EVERY_MODEL if np.any(getattr(self, x))))

    @property
    def core_name(self) -> str | None:
        """Name of the model in the core; None: the core has none. A subclass is another model."""
        name = vars(type(self)).get("core")
        return " ".join((name, *self.words())) if name else None

    @property
    def training(self) -> Training | None:
        """How it is trained, None if it has no derivatives. A subclass is another model."""
        found: Training | None = vars(type(self)).get("derivatives")
        return found

    def describe(self) -> str:
        """Return the name of the class and what is asked for besides, as in "CubaParams(reset='subtract')"."""
        return type(self).__name__ + (f"({', '.join(self.extras)})" if self.extras else "")

    def arrays(self, dtype: DTypeLike | None = None) -> P:
        """Return the parameters as the functions of the model read them: a named tuple of arrays of one type.

        Those of every model are the engine's, and not among them.
        """
        names = [name for name in self.names() if name not in (*self.choices, *_OF_EVERY_MODEL)]
        kind = dtype or self.dtype
        arrays: Any = (np.ascontiguousarray(getattr(self, name), dtype=kind) for name in names)
        made: P = namedtuple(type(self).__name__, names)(*arrays)  # type: ignore[assignment]
        return made

    def start(self, p: P) -> Fields:
        """Return the state at the start of a sample: zero."""
        return {name: np.zeros(np.shape(p[0]), np.asarray(p[0]).dtype) for name in self.state}

    @abstractmethod
    def open(self, p: P, s: Fields, held: NDArray[np.bool_]) -> Fields:
        """Return the state after a time step opened; `held` neurons wait out their `refractory_steps`."""

    @abstractmethod
    def integrate(self, p: P, s: Fields, arriving: NDArray[Any], refractory: NDArray[np.bool_]) -> Fields:
        """Return the state after `arriving` was added; refractory neurons have fired already, or are held."""

    @abstractmethod
    def fires(self, p: P, s: Fields) -> NDArray[np.bool_]:
        """Return which neurons fire."""

    @abstractmethod
    def momentum(self, p: P, s: Fields) -> NDArray[Any]:
        """Return what pending neurons are ranked by, before they fire."""

    @abstractmethod
    def fire(self, p: P, s: Fields, once: bool) -> tuple[Fields, NDArray[Any]]:
        """Return the state after all n neurons fired, and their payloads; without `once`, they may fire repeatedly."""

    @staticmethod
    def check_weights(where: str, weights: ArrayLike) -> NDArray[Any]:
        """Return weights as float32 after checking that they are finite."""
        if isinstance(weights, np.ndarray) and weights.dtype == np.float32 and np.isfinite(weights).all():
            return weights
        array = real_array(where, weights)
        check_range(where, array, -LARGEST, LARGEST)
        return array.astype(np.float32)

    def arriving(self, weights: NDArray[Any], target: Index) -> NDArray[Any]:
        """Return what a payload of 1 adds through `weights` to neurons `target`: the weights themselves."""
        return np.asarray(weights, dtype=self.dtype)


def part_of(p: P, which: NDArray[np.int64]) -> P:
    """Return the arrays of some neurons."""
    return type(p)(*(x[which] for x in p))


@dataclass(frozen=True, eq=False)
class MixedParams(ArrayRecord):
    """Parameters of a network whose layers are of different models.

    Parameters
    ----------
    parts : tuple of NeuronModel
        One per layer, with one value per neuron of the layer; all of one arithmetic.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.neurons import CubaParams, SigmaDeltaParams, combine
    >>> params = combine([CubaParams(du=[1.0], dv=[1.0], vth=[0.5]), SigmaDeltaParams(vth=[0.5])])
    >>> type(params).__name__, [type(part).__name__ for part in params.parts]
    ('MixedParams', ['CubaParams', 'SigmaDeltaParams'])
    """

    parts: tuple[NeuronModel, ...]

    @property
    def tag(self) -> str:
        """Arithmetic, in Lava's words."""
        return self.parts[0].tag

    @property
    def dtype(self) -> type:
        """Type of the state."""
        return self.parts[0].dtype

    @property
    def weight_dtype(self) -> type:
        """Type of real weights."""
        return self.parts[0].weight_dtype

    def describe(self) -> str:
        """Return the names of the models, each once."""
        return "MixedParams of " + ", ".join(dict.fromkeys(part.describe() for part in self.parts))

    def arriving(self, weights: NDArray[Any], target: NDArray[np.int64]) -> NDArray[Any]:
        """Return what a payload of 1 adds through `weights` to neurons `target`."""
        ends = np.cumsum([len(np.asarray(part.refractory_steps)) for part in self.parts])
        of = np.searchsorted(ends, target, side="right")
        found: NDArray[Any] = np.zeros(len(target), self.dtype)
        for n, part in enumerate(self.parts):
            here = of == n
            found[here] = part.arriving(weights[here], target[here] - (ends[n - 1] if n else 0))
        return found


Params = NeuronModel | MixedParams


def combine(parts: Sequence[NeuronModel]) -> Params:
    """Return the parameters of layers as one: of one model if all are, else :class:`MixedParams`.

    Raises
    ------
    InvalidType
        If they are not of one arithmetic.

    Examples
    --------
    >>> from lava_async.neurons import CubaParams, combine
    >>> one, two = (CubaParams(du=[1.0], dv=[1.0], vth=[vth]) for vth in (0.5, 0.7))
    >>> combine([one, two]).vth
    array([0.5, 0.7])
    """
    if len({part.tag for part in parts}) != 1:
        raise InvalidType(
            "Network.params", sorted({type(p).__name__ for p in parts}), "of one arithmetic in all layers"
        )
    kind = type(parts[0])
    if any(type(part) is not kind or part.words() != parts[0].words() for part in parts):
        return MixedParams(tuple(parts))
    arrays: dict[str, Any] = {
        name: getattr(parts[0], name) if name in kind.choices else np.concatenate([getattr(p, name) for p in parts])
        for name in kind.names()
    }
    return kind(**arrays)


def unknown(params: Params, *known: type[NeuronModel], extras: bool = False) -> str | None:
    """Return how parameters are called that are not plainly of a model in `known`, None if they are.

    Code that uses the equations of a model (files, gradients, ProcessModels) refuses all others by this name. `extras`:
    whether it knows resets, refractory steps and synchronization thresholds as well.

    Examples
    --------
    >>> from lava_async.neurons import AlifParams, CubaParams, unknown
    >>> params = CubaParams(du=1, dv=1, vth=1)
    >>> unknown(params, CubaParams), unknown(params, AlifParams)
    (None, 'CubaParams')
    """
    plain = type(params) in known and (extras or not params.extras)  # type: ignore[union-attr]
    return None if plain else params.describe()
