"""Configs of trainings: TOML and dataclasses say the same; errors name file, key, value and what is allowed."""

# ruff: noqa: RUF009 (key() makes a dataclass field)
from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lava_async import Execution, FirstOutput, Layered, MaxForwardSteps, Momentum, Quiescence, Random
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments.build import build_network, check_options
from lava_async.experiments.config import Config
from lava_async.experiments.sections import (
    AugmentationConfig,
    DataConfig,
    GradientConfig,
    LayerConfig,
    LossConfig,
    NetworkConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainingConfig,
    UntilConfig,
)
from lava_async.experiments.tables import Table, key, parse
from lava_async.experiments.toml import parse_toml
from lava_async.training import Exponential
from lava_async.training.losses import LOSSES
from lava_async.training.surrogates import SURROGATES

SMALLEST = '[network]\nsizes = [200, 10]\n[data]\nname = "digits"\n'
finite = st.floats(0, 1e300)
part = st.floats(0, 1)
decay = part | st.tuples(st.floats(0, 0.5), st.floats(0.5, 1))
sizes = st.integers(1, 2**40)
group_size = sizes | st.just("all")


def mostly(kind, **drawn):
    """Tables with some of their keys drawn, others at their defaults."""
    return st.fixed_dictionaries({}, optional=drawn).map(lambda values: kind(**values))


layers = st.one_of(
    st.builds(LayerConfig, type=st.just("dense"), neurons=sizes, threshold=finite, voltage_decay=decay),
    st.builds(LayerConfig, type=st.just("conv"), features=sizes, kernel_size=sizes, stride=st.tuples(sizes, sizes)),
    st.just(LayerConfig("flatten")),
)
networks = st.one_of(
    st.builds(NetworkConfig, sizes=st.lists(sizes, min_size=2, max_size=5), gain=finite, current_decay=decay),
    st.builds(
        NetworkConfig,
        layers=st.lists(layers, min_size=1, max_size=3),
        learn_decays=st.sampled_from([False, True, "voltage"]),
    ),
    st.builds(NetworkConfig, from_=st.text(min_size=1)),
)
configs = st.builds(
    Config,
    network=networks,
    data=st.one_of(
        st.builds(DataConfig, name=st.just("digits"), limit=st.none() | sizes, validation=st.floats(0, 0.9)),
        st.builds(DataConfig, name=st.just("mnist"), options=st.fixed_dictionaries({"folder": st.text()})),
    ),
    augmentation=st.none() | mostly(AugmentationConfig, shift=finite, rotate=finite, drop=part),
    schedule=mostly(
        ScheduleConfig,
        name=st.sampled_from(["layered", "fifo", ("random", "momentum")]),
        group_size=group_size | st.lists(group_size, min_size=1, max_size=3),
    ),
    until=st.sampled_from(
        [
            UntilConfig(),
            UntilConfig("FirstOutput", {"extra_steps": 2}),
            UntilConfig("MaxForwardSteps", {"limit": 9, "truncate": True}),
        ]
    ),
    gradient=mostly(
        GradientConfig,
        peak=st.booleans(),
        options=st.fixed_dictionaries({"alpha": st.floats(1e-6, 1e3)}),
        refractory_dropout=part,
    ),
    loss=mostly(
        LossConfig,
        options=st.fixed_dictionaries({}, optional={"scale": finite}),
        penalty=finite | st.lists(finite, max_size=3),
    ),
    optimizer=mostly(
        OptimizerConfig,
        name=st.sampled_from(["adamw", "sgd"]),
        learning_rate=finite,
        options=st.fixed_dictionaries({"betas": st.lists(part)}),
    ),
    training=mostly(TrainingConfig, epochs=st.integers(0, 10**6), seed=st.integers(0, 2**63 - 1)),
)


@given(config=configs)
def test_text_and_config_say_the_same(config):
    text = config.to_toml()
    assert Config.from_toml(text) == config
    assert Config.from_toml(text).to_toml() == text


@given(config=configs, seed=st.integers(0, 2**63 - 1))
def test_other_values_are_put_in_by_dotted_names(config, seed):
    other = config.with_values({"training.seed": seed, "schedule.group_size": [2, "all"], "data.limit": None})
    assert other == replace(
        config,
        training=replace(config.training, seed=seed),
        schedule=replace(config.schedule, group_size=(2, "all"), anneal_from=None),
        data=replace(config.data, limit=None),
    )


@dataclass(frozen=True)
class Free(Table):
    values: dict[str, Any] = key("Anything.", {})


anything = st.recursive(
    st.text() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(values=st.dictionaries(st.text(), anything, max_size=3))
def test_any_value_of_toml_survives(values):
    table = Free(values)
    assert parse(Free, parse_toml(table.to_toml(), "text"), "text: ") == table


def test_a_config_loads_from_a_file_and_keys_have_defaults(tmp_path):
    (tmp_path / "small.toml").write_text(SMALLEST)
    config = Config.load(tmp_path / "small.toml")
    assert config == Config(NetworkConfig(sizes=(200, 10)), DataConfig("digits"))
    assert config.schedule.deployed == Random(8)
    assert config.until.rule() == Quiescence()


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"schedule.group_sise": 8}, r"schedule\.group_sise = 8: must be left out: the keys here are name, group_size"),
        ({"network.gain": "1"}, r"network\.gain = '1': must be a number >= 0"),
        ({"network.gain": True}, r"network\.gain = True: must be a number"),
        ({"training.epochs": 1.0}, r"training\.epochs = 1\.0: must be an integer in 0 \.\. 1000000"),
        ({"optimizer.learning_rate": float("inf")}, r"optimizer\.learning_rate = inf: must be a number"),
        ({"schedule.name": ["random", "rand"]}, r"schedule\.name = 'rand': must be one of layered, random, .* array"),
        ({"schedule.group_size": [8, 0]}, r"schedule\.group_size = 0: must be an integer >= 1 or 'all' or an array of"),
        ({"schedule.group_size": []}, r"schedule\.group_size = \(\): must be at least one"),
        ({"schedule.group_size": "all", "schedule.anneal_from": 9}, r"schedule\.anneal_from = 9: must be left out"),
        ({"gradient.credit": "first"}, r"gradient\.credit = 'first': must be 'last' or 'keep' or 'all' or 'delivered'"),
        ({"until": {"limit": 3}}, r"until\.limit = 3: must be left out: the keys here are name$"),
        ({"until.name": "MaxForwardSteps"}, r"until\.limit = None: must be given: MaxForwardSteps needs it"),
        (
            {"until": {"name": "FirstOutput", "extra_step": 3}},
            r"until\.extra_step = 3: .* did you mean 'extra_steps'\?",
        ),
        ({"until": {"name": "FirstOutput", "extra_steps": -1}}, r"until\.extra_steps = -1: must be >= 0"),
        ({"schedule.noise": 1.0}, r"schedule\.noise = 1\.0: must be left out: the keys here are name, group_size"),
        ({"schedule": {"name": "momentum", "noise": -1.0}}, r"schedule\.noise = -1\.0: must be one number >= 0"),
        (
            {"loss.name": "crossentropy"},
            r"loss\.name = 'crossentropy': must be one of .*; did you mean 'cross_entropy'",
        ),
        ({"loss": {"name": "anytime", "mixd": 1}}, r"loss\.mixd = 1: must be left out: .* did you mean 'mixed'\?"),
        ({"loss": {"name": "spike_rate", "true_rate": 2}}, r"loss\.true_rate = 2: must be a number in 0 \.\. 1"),
        ({"loss": {"name": "spike_max", "mode": "soft"}}, r"loss\.mode = 'soft': must be .* did you mean 'softmax'\?"),
        ({"loss.scale": True}, r"loss\.scale = True: must be a number >= 0"),
        ({"gradient.surrogate": "atn"}, r"gradient\.surrogate = 'atn': must be one of .*; did you mean 'atan'\?"),
        ({"gradient.alfa": 3.0}, r"gradient\.alfa = 3\.0: must be left out: .* did you mean 'alpha'\?"),
        ({"gradient.alpha": 0}, r"gradient\.alpha = 0: must be finite and > 0"),
        ({"gradient": {"surrogate": "slayer", "alpha": 3.0}}, r"gradient\.alpha = 3\.0: must be left out"),
        ({"optimizer.options": 3}, r"optimizer\.options = 3: must be a table"),
        ({"execution": {"refractory": 0}}, r"execution\.refractory = 0: must be true or false"),
        ({"data.name": "digitz"}, r"data\.name = 'digitz': must be one of digits, mnist"),
        ({"data.options": {"folder": "x"}}, r"data\.options\.folder = 'x': must be left out: digits takes polarity"),
        (
            {"data.name": "mnist", "data.options": {"folders": "x"}},
            r"data\.options\.folders = 'x': must be left out: mnist takes folder, limit",
        ),
        ({"data.train": "training"}, r"data\.train = 'training': must be 'train' or"),
        ({"data.validation": "train"}, r"data\.validation = 'train': must be samples that are not trained on"),
        ({"data.validation": 0.95}, r"data\.validation = 0\.95: must be a string or a number in 0\.0 \.\. 0\.9"),
        ({"network.sizes": None}, r"network\.sizes, layers, from = None: must be one of them"),
        ({"network.from": "a.net"}, r"network\.sizes, layers, from = 'sizes, from': must be one of them"),
        ({"network.sizes": [10]}, r"network\.sizes = \(10,\): must be the input channels, then"),
        ({"network.voltage_decay": [0.3, 0.2]}, r"network\.voltage_decay = \(0\.3, 0\.2\): must be one number, or two"),
        ({"network.layers": 3}, r"network\.layers = 3: must be an array of tables"),
        ({"network": 3}, r"network = 3: must be a table"),
        (
            {
                "network.sizes": None,
                "network.layers": [{"type": "dense", "neurons": 3}, {"type": "conv", "neurons": 3}],
            },
            r"network\.layers\[1\]\.features = None: must be given: a conv layer needs it",
        ),
        (
            {"network.sizes": None, "network.layers": [{"type": "dense", "neurons": 3, "groups": 3}]},
            r"network\.layers\[0\]\.groups = 3: must be left out: a dense layer takes neurons",
        ),
        (
            {"network.sizes": None, "network.layers": [{"type": "pool", "kernel_size": [2, 2, 2]}]},
            r"network\.layers\[0\]\.kernel_size = \(2, 2, 2\): must be one number, or two",
        ),
    ],
)
def test_errors_name_the_key_its_value_and_what_is_allowed(changed, error):
    with pytest.raises((InvalidValue, InvalidType), match="^config: " + error):
        Config.from_toml(SMALLEST).with_values(changed)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, "missing': must be a TOML file"),
        (b"[network\n", r"at line 1.*must be TOML"),
        (b"\xff", "must be TOML, text in UTF-8"),
        (b'[data]\nname = "digits"\n', r"small\.toml: network = None: must be given: a table"),
        (SMALLEST.encode() + b"[loss]\nscale = -1\n", r"small\.toml: loss\.scale = -1: must be a number >= 0"),
    ],
)
def test_errors_name_the_file(tmp_path, text, error):
    path = tmp_path / "small.toml"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises((InvalidValue, InvalidType), match=error) as raised:
        Config.load(path)
    assert str(path) in str(raised.value)


def test_in_python_errors_name_the_class():
    with pytest.raises(InvalidValue, match=r"ScheduleConfig\.group_size = 0: must be"):
        ScheduleConfig(group_size=0)


def test_a_batch_draws_its_schedule_and_group_size_from_the_lists():
    several = ScheduleConfig(name=("random", "momentum", "layered"), group_size=(2, "all"), options={"noise": 0.5})
    drawn = [several.at(seed=1, step=step, steps=200) for step in range(200)]
    assert {*drawn} == {Random(2), Random(None), Momentum(2, 0.5), Momentum(None, 0.5), Layered()}
    assert drawn == [several.at(seed=1, step=step, steps=200) for step in range(200)]
    assert drawn != [several.at(seed=2, step=step, steps=200) for step in range(200)]
    assert several.deployed == Random(2)


def test_the_group_size_is_annealed_by_equal_factors():
    config = ScheduleConfig(group_size=2, anneal_from=128)
    assert [config.at(0, step, 7).group_size for step in range(7)] == [128, 64, 32, 16, 8, 4, 2]
    assert config.at(0, 0, 1).group_size == 128
    assert config.deployed == Random(2)


def test_defaults_of_schedules_that_are_not_chosen_may_stay():
    """0.1 wrote all of them into each config.toml."""
    assert ScheduleConfig("random", options={"noise": 0.0}) == ScheduleConfig("random")
    assert ScheduleConfig("momentum", options={"noise": 0.5}).deployed == Momentum(8, noise=0.5)


def test_defaults_of_losses_surrogates_and_optimizers_that_are_not_chosen_may_stay():
    written = SMALLEST + (
        '[gradient]\nsurrogate = "atan"\nalpha = 1.2\ntau = 0.5\narea = 1.0\n'
        '[loss]\nname = "cross_entropy"\nmixed = 0.0\ntrue_rate = 0.5\nfalse_rate = 0.02\nmode = "softmax"\n'
        '[optimizer]\nname = "adam"\nweight_decay = 0.0\nmomentum = 0.0\noptions = {amsgrad = true}\n'
    )
    config = Config.from_toml(written)
    assert (config.loss, config.gradient.options) == (LossConfig(), {"alpha": 1.2})
    assert config.optimizer == OptimizerConfig(options={"amsgrad": True})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"optimizer.momentum": 0.9}, r"^optimizer\.momentum = 0\.9: must be left out: adam takes betas, "),
        ({"optimizer.learning_rat": 0.9}, r"^optimizer\.learning_rat = 0\.9: .* did you mean 'learning_rate'\?"),
        ({"optimizer": {"name": "rprop", "weight_decay": 0.1}}, r"^optimizer\.weight_decay = 0\.1: must be left out"),
        ({"optimizer.name": "adm"}, r"^optimizer = 'adm': must be one of .*; did you mean 'Adam'\?"),
    ],
)
def test_arguments_of_optimizers_are_those_of_torch(values, said):
    with pytest.raises(InvalidValue, match=said):
        check_options(Config.from_toml(SMALLEST).with_values(values))
    for name, options in (
        ("sgd", {"momentum": 0.9, "nesterov": True}),
        ("rprop", {}),
        ("adamw", {"betas": [0.9, 0.9]}),
    ):
        check_options(Config.from_toml(SMALLEST).with_values({"optimizer": {"name": name, **options}}))


def test_members_that_a_program_has_registered_take_their_options():
    LOSSES.register("lead", lambda margin=1.0: lambda output, labels: margin * output.mean())
    SURROGATES.register("box", lambda *, width: Exponential(width))
    try:
        config = Config.from_toml(SMALLEST).with_values(
            {"loss": {"name": "lead", "margin": 4.0}, "gradient": {"surrogate": "box", "width": 3.0}}
        )
        assert Config.from_toml(config.to_toml()) == config
        network = build_network(config, (200,), 10)
        assert network.gradient.surrogate == Exponential(3.0)
        with pytest.raises(InvalidValue, match=r"gradient\.width = None: must be given: box needs it"):
            config.with_values({"gradient.width": None})
    finally:
        del LOSSES["lead"], SURROGATES["box"]


def test_the_execution_of_a_config_is_one():
    config = Config.from_toml(SMALLEST).with_values(
        {
            "until": {"name": "MaxForwardSteps", "limit": 9, "truncate": True},
            "execution": {"refractory": False, "input_first": False},
            "training.seed": 3,
        }
    )
    assert config.deployed == Execution(Random(8), MaxForwardSteps(9, True), False, False, 3)
    assert Config.from_toml(SMALLEST).deployed == Execution(Random(8))


def test_a_stop_rule_takes_its_options():
    assert UntilConfig("FirstOutput", {"extra_steps": 2}).rule() == FirstOutput(2)


def test_every_key_says_what_it_means():
    kinds: list[type[Table]] = [Config, LayerConfig]
    for kind in kinds:
        for each in fields(kind):
            assert each.metadata["doc"].endswith("."), (kind, each.name)
            default = each.default
            if isinstance(default, Table):
                kinds.append(type(default))


@dataclass(frozen=True)
class Kinds(Table):
    word: Literal["a", "b"] | int = key("One of two words, or a number.", "a")
    flag: bool = key("True or false.", False)


def test_numbers_of_numpy_are_numbers():
    made = Kinds(word=np.int64(3), flag=np.True_)
    assert made == Kinds(3, True)
    assert type(made.word) is int
    assert type(made.flag) is bool


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training.seed = " + "9" * 5000, "file .*: must be TOML|integer string conversion"),
        ("training.seed = 0x" + "f" * 5000, r"training\.seed = an integer of 20000 bits"),
        ("optimizer.learning_rate = 0x" + "f" * 5000, r"optimizer\.learning_rate = inf: must be a number >= 0\.0"),
        (
            "data.name = 'digits'\ndata.limit = 0x" + "f" * 5000,
            r"data\.limit = an integer of 20000 bits: must be an integer >= 1, at most 9",
        ),
        ("x = " + "[" * 500 + "]" * 500, "file .*: must be TOML"),
        ("x = " + "{a=" * 10**4, "file .*: must be TOML"),
        ("a." * 10**4 + "b = 1", "file .*: must be TOML"),
        ("# " + "x" * 2**20, r"bytes = 1048\d\d\d: must be at most 1048576"),
        ("", "is empty"),
        ("version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
    ],
    ids=lambda text: text[:30],
)
def test_text_that_is_made_to_hurt_is_an_error_of_one_line(tmp_path, text, said):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises((InvalidValue, InvalidType), match=said) as error:
        Config.load(path)
    assert str(path) in str(error.value)
    assert len(str(error.value)) < 1000


def test_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "config.toml")
    with pytest.raises(InvalidValue, match="is a FIFO"):
        Config.load(tmp_path / "config.toml")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"optimizer.learning_rate": 1e39}, r"optimizer\.learning_rate = 1e\+39: must be at most 3\.403e\+38"),
        ({"loss.penalty": [0.0, 1e300]}, r"loss\.penalty\[1\] = 1e\+300: must be at most"),
        ({"network.sizes": [200, 2**40, 10]}, r"network\.sizes: weights = .*: must be at most 1073741824"),
        (
            {"network.sizes": None, "network.layers": [{"type": "dense", "neurons": 2**62}]},
            r"network\.layers\[0\]: weights",
        ),
        (
            {"network.sizes": None, "network.layers": [{"type": "pool", "kernel_size": 2**40}]},
            r"network\.layers\[0\]: weights",
        ),
    ],
)
def test_numbers_that_no_network_has_are_an_error_before_anything_is_made(values, said):
    config = Config.from_toml('network.sizes = [200, 10]\ndata.name = "digits"').with_values(values)
    with pytest.raises(InvalidValue, match=said):
        build_network(config, (1, 20, 10) if "pool" in str(values) else (200,), 10)
