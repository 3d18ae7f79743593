"""The tables of a config (network, data, schedule ...), which :mod:`lava_async.experiments.config` puts together."""

# ruff: noqa: RUF009 (key() makes a dataclass field)
from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np

from lava_async import defaults
from lava_async.data import SPLITS
from lava_async.data.registry import check_options, names
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments.members import check_known, check_member, named_after, without_defaults_of_others
from lava_async.experiments.neurons import NEURONS, RESONATORS, WITHOUT_DECAYS
from lava_async.experiments.tables import Table, key
from lava_async.schedules import SCHEDULES, ExecutionKind, by_name, schedule
from lava_async.stopping import STOP_RULES, StopRule, stop_rule

#: Group size in configs for "everything pending".
ALL: Literal["all"] = "all"
F = TypeVar("F")


def share(doc: str, default: F) -> F:
    """Return a key that holds numbers in 0 .. 1."""
    return key(doc, default, least=0.0, most=1.0)


@dataclass(frozen=True)
class LayerConfig(Table):
    """A layer: a block of slayer. Its neurons are those of the network unless it says otherwise."""

    type: Literal["dense", "conv", "pool", "flatten", "recurrent"] = key("Block of slayer.")
    neurons: int | None = key("Dense, recurrent: neurons.", None, least=1)
    features: int | None = key("Conv: output channels.", None, least=1)
    kernel_size: int | tuple[int, ...] | None = key("Conv, pool: size of the kernel.", None, least=1)
    stride: int | tuple[int, ...] | None = key("Conv: its step.", None, least=1)
    padding: int | tuple[int, ...] | None = key("Conv: zeros around the image.", None, least=0)
    dilation: int | tuple[int, ...] | None = key("Conv: gaps in the kernel, plus 1.", None, least=1)
    groups: int | None = key("Conv: groups of channels.", None, least=1)
    threshold: float | None = key("As in network.", None, least=0.0)
    current_decay: float | tuple[float, ...] | None = share("As in network.", None)
    voltage_decay: float | tuple[float, ...] | None = share("As in network.", None)
    gain: float | None = key("As in network.", None, least=0.0)

    def check(self) -> None:  # noqa: D102
        taken = {
            "dense": ("neurons",),
            "recurrent": ("neurons",),
            "flatten": (),
            "conv": ("features", "kernel_size", "stride", "padding", "dilation", "groups"),
            "pool": ("kernel_size",),
        }[self.type]
        for name in ("neurons", "features", "kernel_size"):
            if name in taken and getattr(self, name) is None:
                raise self.wrong(name, f"given: a {self.type} layer needs it")
        for name in ("neurons", "features", "kernel_size", "stride", "padding", "dilation", "groups"):
            value = getattr(self, name)
            if name not in taken and value is not None:
                raise self.wrong(name, f"left out: a {self.type} layer takes {', '.join(taken) or 'none of these'}")
            if isinstance(value, tuple) and len(value) != 2:
                raise self.wrong(name, "one number, or two: height and width")
        _check_decays(self)


@dataclass(frozen=True)
class NetworkConfig(Table):
    """What is trained: dense layers of some sizes, or other layers, or an existing network."""

    sizes: tuple[int, ...] | None = key("Input channels, then neurons of each dense layer.", None, least=1)
    layers: tuple[LayerConfig, ...] | None = key("The layers, if not all are dense: see network.layers.", None)
    from_: str | None = key(
        "File .net to go on with (fine-tuning), or the name of a model; relative paths start where the command does.",
        None,
        name="from",
    )
    neuron: str = key(
        "Neurons of slayer: current-based (cuba), adaptive (alif), resonate and fire (rf, rf_iz) or sigma-delta "
        "(sigma_delta); these three have no decays of current and voltage.",
        "cuba",
    )
    threshold: float = key("Voltage above which neurons fire.", defaults.THRESHOLD, least=0.0)
    threshold_factors: bool | tuple[float, ...] = key(
        "Of sizes: factors on the threshold of each layer, for the timing of a chip; true: 1, 1.4, ..., 3. "
        "First weights are as without them, of gain 2 if left out.",
        False,
        least=0.0,
    )
    current_decay: float | tuple[float, ...] = share(
        "Part of the current that a time step loses; an array [low, high]: drawn for each neuron.",
        defaults.CURRENT_DECAY,
    )
    voltage_decay: float | tuple[float, ...] = share("The same of the voltage.", defaults.VOLTAGE_DECAY)
    learn_decays: bool | Literal["voltage"] = key(
        'Train decays too; "voltage": those of the voltage only. Where no current is kept, no neuron behind the first '
        "layer fires before the input of a time step has come to it.",
        False,
    )
    gain: float | None = key(
        "First weights are uniform in +- gain * threshold * sqrt(6 / (fan in + fan out)); left out: scaled to `rate`.",
        None,
        least=0.0,
    )
    rate: float = key(
        "Part of the neurons of each layer that fires per time step at the beginning, on the first training samples.",
        defaults.RATE,
        least=1e-4,
        most=0.9,
    )
    options: dict[str, Any] = key("Options of the neurons.", {}, rest=True)

    def check(self) -> None:  # noqa: D102
        check_member(self, "neuron", NEURONS)
        given = [name for name in ("sizes", "layers", "from_") if getattr(self, name)]
        if len(given) != 1:
            raise InvalidValue("NetworkConfig.sizes, layers, from", ", ".join(given).strip("_") or None, "one of them")
        if self.sizes is not None and len(self.sizes) < 2:
            raise self.wrong("sizes", "the input channels, then one number of neurons per layer")
        if self.threshold_factors is not False and self.sizes is None:
            raise self.wrong("threshold_factors", "left out without sizes: layers have thresholds of their own")
        if self.from_ is not None:
            untouched = {field.name: field.default for field in fields(self)}
            for each in ("neuron", "threshold", "current_decay", "voltage_decay", "gain"):
                if getattr(self, each) not in (untouched[each], 1.0):  # 1.0 is what 0.1 wrote into each config.toml.
                    raise self.wrong(each, "left out: the file says it")
        _check_decays(self)
        if self.neuron == "sigma_delta" and self.learn_decays:
            raise self.wrong("learn_decays", "left out: sigma_delta neurons have learn_thresholds instead")
        for each in ("current_decay", "voltage_decay") if self.neuron in WITHOUT_DECAYS else ():
            layers = [layer for layer in self.layers or () if getattr(layer, each) is not None]
            if layers or getattr(self, each) != NetworkConfig.__dataclass_fields__[each].default:
                value = getattr(layers[0] if layers else self, each)
                instead = "decay instead" if self.neuron in RESONATORS else "none"
                raise InvalidValue(f"NetworkConfig.{each}", value, f"left out: {self.neuron} neurons have {instead}")


@dataclass(frozen=True)
class DataConfig(Table):
    """What is learned from."""

    name: str = key("Data set; or your own: see --data-help.", options=names)
    options: dict[str, Any] = key("Options of this data set.", {})
    train: str = key('Split that is learned from; several are joined by "+".', "train")
    validation: str | float = key(
        "Split, or part of the training samples, that the best weights are chosen by; 0: none.",
        "validation",
        least=0.0,
        most=0.9,
    )
    test: str = key('Split that the trained network is evaluated on; "": none.', "test")
    limit: int | None = key("Only the first samples of each split.", None, least=1)

    def check(self) -> None:  # noqa: D102
        check_options(self.name, self.options)
        splits = {"train": self.train, "validation": self.validation, "test": self.test or SPLITS[-1]}
        for name, split in splits.items():
            if isinstance(split, str) and not set(split.split("+")) <= set(SPLITS):
                raise self.wrong(name, " or ".join(map(repr, SPLITS)) + ", or several of them joined by '+'")
        if isinstance(self.validation, str) and set(self.validation.split("+")) & set(self.train.split("+")):
            raise self.wrong("validation", f"samples that are not trained on, unlike those of {self.train!r}; 0: none")


@dataclass(frozen=True)
class AugmentationConfig(Table):
    """How far variants of training samples differ from them, drawn again in each epoch; see data.Augmentation."""

    shift: float = key(
        "Most pixels by which a sample is moved, along each axis; channels of 1-D sensors.", 0.0, least=0.0
    )
    zoom: float = key("Factors of its size are 1/(1 + zoom) .. 1 + zoom.", 0.0, least=0.0)
    rotate: float = key("Largest angle, degrees, either way.", 0.0, least=0.0)
    delay: float = key("Most time steps by which it is moved, either way.", 0.0, least=0.0)
    stretch: float = key("Factors of its duration are 1/(1 + stretch) .. 1 + stretch.", 0.0, least=0.0)
    jitter: float = key("Most pixels by which each event is moved, along each axis.", 0.0, least=0.0)
    drop: float = share("Share of the events that is lost.", 0.0)
    band: float = share("Largest share of the columns, side by side, that is lost.", 0.0)


@dataclass(frozen=True)
class ScheduleConfig(Table):
    """Which pending neurons are delivered next. From lists, each batch draws its own."""

    name: str | tuple[str, ...] = key(
        "Schedule, or an array: each batch draws one.", "random", options=partial(by_name, trainable=True)
    )
    group_size: int | Literal["all"] | tuple[int | Literal["all"], ...] = key(
        'Group size F, or an array: each batch draws one; "all": everything pending. No meaning for layered.',
        8,
        least=1,
    )
    anneal_from: int | None = key(
        "Group size at the beginning, which falls to group_size by equal factors.", None, least=1
    )
    options: dict[str, Any] = key("Other options of the schedules; each goes to those that take it.", {}, rest=True)

    def check(self) -> None:  # noqa: D102
        for name in ("name", "group_size"):
            if getattr(self, name) == ():
                raise self.wrong(name, "at least one")
        if self.anneal_from is not None and not isinstance(self.group_size, int):
            raise self.wrong("anneal_from", "left out, or group_size one number")
        kinds = {name: SCHEDULES[name].options() for name in _listed(self.name)}
        trainable = {name: SCHEDULES[name] for name in by_name(trainable=True)}
        object.__setattr__(self, "options", without_defaults_of_others(self.options, kinds, trainable))
        check_known(self, self.options, kinds)
        for name in kinds:
            with named_after(self):
                self._made(name, 1)

    @property
    def deployed(self) -> ExecutionKind:
        """The schedule of validation and of the exported file: the first of each list."""
        return self._made(_listed(self.name)[0], _listed(self.group_size)[0])

    def at(self, seed: int, step: int, steps: int) -> ExecutionKind:
        """Return the schedule of an optimizer step, of 0 .. steps - 1."""
        rng = np.random.default_rng([seed, 1, step])
        names, sizes = _listed(self.name), _listed(self.group_size)
        name, size = names[rng.integers(len(names))], sizes[rng.integers(len(sizes))]
        if self.anneal_from is not None:
            progress = step / max(steps - 1, 1)
            size = round(self.anneal_from * (size / self.anneal_from) ** progress)
        return self._made(name, size)

    def _made(self, name: str, size: int | str) -> ExecutionKind:
        options = {**self.options, "group_size": None if size == ALL else size}
        return schedule(name, **{each: options[each] for each in SCHEDULES[name].options() if each in options})


def _rules_of_training() -> list[str]:
    return [name for name, rule in STOP_RULES.items() if not rule.ends_samples]


@dataclass(frozen=True)
class UntilConfig(Table):
    """When a time step ends."""

    name: str = key("Stop rule.", "Quiescence", options=_rules_of_training)
    options: dict[str, Any] = key("Options of the stop rule.", {}, rest=True)

    def check(self) -> None:  # noqa: D102
        check_member(self, "name", STOP_RULES)

    def rule(self) -> StopRule:
        """Return the stop rule."""
        return stop_rule(self.name, **self.options)


@dataclass(frozen=True)
class ExecutionConfig(Table):
    """What else says how the network runs; see ``lava_async.Execution``."""

    refractory: bool = key("At most one spike per neuron and time step.", True)
    input_first: bool = key("Deliver the input of a time step at once; false: it queues like any spike.", True)


@dataclass(frozen=True)
class GradientConfig(Table):
    """How a run is differentiated; see ``lava_async.training.Gradient``."""

    credit: Literal["last", "keep", "all", "delivered"] = key("When a silent check is credited.", "last")
    peak: bool = key("Slope only at checks that fire, or at the highest voltage of a silent time step.", True)
    reset: Literal["detached", "differentiated"] = key("Whether the gradient passes the reset.", "detached")
    surrogate: str = key("Slope of the threshold: atan, exponential, slayer, or one of an installed package.", "atan")
    refractory_dropout: float = share("Probability that a spike leaves its neuron free to fire again.", 0.0)
    input_dropout: float = share("Probability that an input channel loses its spikes in a time step.", 0.0)
    neuron_dropout: float = key(
        "Probability p that a neuron of a layer before the last loses all that it sends in a sample; what the others "
        "send is divided by 1 - p.",
        0.0,
        least=0.0,
        most=defaults.MOST_DROPOUT,
    )
    options: dict[str, Any] = key("Options of the surrogate.", {}, rest=True)

    def check(self) -> None:  # noqa: D102
        if (self.surrogate, self.options) != ("atan", {}):  # What everybody has needs no torch, which takes seconds.
            from lava_async.training.surrogates import SURROGATES

            check_member(self, "surrogate", SURROGATES)


@dataclass(frozen=True)
class LossConfig(Table):
    """Loss function of spike counts."""

    name: str = key(
        "Cross-entropy of scaled output counts, of all (cross_entropy) or after every time step (anytime), slayer's "
        "spike_rate or spike_max, or one of an installed package.",
        "cross_entropy",
    )
    class_weights: Literal["balanced"] | tuple[float, ...] | None = key(
        'Of cross_entropy: a weight per output, or "balanced": every class counts the same.', None, least=0.0
    )
    penalty: float | tuple[float, ...] | None = key(
        "Weight of the spikes per sample: one number for all hidden layers, or one per layer, the output included; "
        f"left out: {defaults.PENALTY:g} / time steps.",
        None,
        least=0.0,
    )
    premature_penalty: float = key(
        "Weight of each premature spike per sample: of a neuron that all that reaches it in the time step would leave "
        "at or below its threshold, had it not been reset.",
        0.0,
        least=0.0,
    )
    options: dict[str, Any] = key("Options of the loss.", {}, rest=True)

    def check(self) -> None:  # noqa: D102
        if (self.name, self.options) != ("cross_entropy", {}):  # What everybody has needs no torch.
            from lava_async.training.losses import LOSSES

            check_member(self, "name", LOSSES)


@dataclass(frozen=True)
class OptimizerConfig(Table):
    """Optimizer; its other keys are arguments of the optimizer, as ``momentum = 0.9`` of SGD: see torch."""

    name: str = key("Optimizer of torch, as AdamW or SGD, in letters of any case.", "adam")
    learning_rate: float | None = key(
        f"At the beginning; left out: {defaults.LEARNING_RATE:g} per threshold, a tenth of that for fine-tuning.",
        None,
        least=0.0,
    )
    decay_learning_rate: float = key("Of the decays, if they are learned.", 2e-3, least=0.0)
    cosine: bool = key("Without scheduler: let the learning rates fall to 0 along half a cosine, else keep them.", True)
    scheduler: str | None = key("Scheduler of torch, as StepLR or OneCycleLR; left out: see cosine.", None)
    scheduler_options: dict[str, Any] = key("Its arguments, as {step_size = 5}.", {})
    weight_decay: float = key("As torch's.", 0.0, least=0.0)
    max_grad_norm: float | None = key("Gradients are scaled down to this norm.", None, least=1e-9)
    options: dict[str, Any] = key("Other arguments of the optimizer, as momentum = 0.9.", {}, rest=True)

    def check(self) -> None:  # noqa: D102
        # torch knows the arguments, which are checked where it is loaded. 0.1 had them in a table of their own, and
        # wrote the momentum of sgd into each config.toml.
        own = self.options.get("options", {})
        if not isinstance(own, dict):
            raise InvalidType("OptimizerConfig.options", own, "a table")
        options = {**{name: value for name, value in self.options.items() if name != "options"}, **own}
        if options.get("momentum") == 0:
            del options["momentum"]
        object.__setattr__(self, "options", options)


@dataclass(frozen=True)
class TrainingConfig(Table):
    """How long, in which order, on how many threads."""

    epochs: int = key(
        "Passes over the training samples; 0: only evaluate and export.", defaults.EPOCHS, least=0, most=10**6
    )
    batch_size: int = key(
        "Samples per optimizer step, of all processes together.", defaults.BATCH_SIZE, least=1, most=10**6
    )
    seed: int = key("Of weights, order, schedules and dropouts.", 0, least=0, most=2**63 - 1)
    threads: int = key(
        "Threads per process; the order of float sums, so the last bits, depend on it.", 1, least=1, most=4096
    )
    patience: int | None = key("End after so many epochs without a better result on validation samples.", None, least=1)
    keep: Literal["best", "last"] = key("Weights at the end: the best on validation samples, or the last.", "best")
    checkpoint_seconds: float = key("Longest time between two checkpoints; each epoch ends with one.", 60.0, least=0.0)
    tensorboard: bool = key("Also write curves for TensorBoard.", False)


def _listed(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _check_decays(table: NetworkConfig | LayerConfig) -> None:
    for name in ("current_decay", "voltage_decay"):
        value = getattr(table, name)
        if isinstance(value, tuple) and not (len(value) == 2 and value[0] <= value[1]):
            raise table.wrong(name, "one number, or two: [low, high]")
