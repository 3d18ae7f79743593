"""Networks: one graph in many forms, delays, values that stay what they are, and errors that name what is wrong."""

from __future__ import annotations

import pickle
from dataclasses import replace

import naive
import numpy as np
import pytest
from compare import complains, differences, execute
from hypothesis import given
from hypothesis import strategies as st
from strategies import ARITHMETICS, Arithmetic, arithmetics, assemblies, chains, generators, networks, runs

from lava_async import (
    CubaParams,
    Fifo,
    Layer,
    Layered,
    LoihiParams,
    MaxForwardSteps,
    Network,
    Random,
    simulate,
    simulate_batch,
)
from lava_async.errors import InvalidType, InvalidValue
from lava_async.neurons import combine
from lava_async.synapses import INPUT, Dense, Sparse

forget = CubaParams(1, 1, 0.5)


# ------------------------------------------------------------------------------------- one graph, many forms


@given(runs())
def test_dense_and_sparse_synapses_are_the_same_where_no_weight_is_zero(run):
    """Spikes, states and groups are equal; a weight of zero is a synapse in Dense and none in Sparse."""
    sparse = replace(run.network, synapses=tuple(map(as_sparse, run.network.synapses)))
    one, other = execute(run), execute(replace(run, network=sparse))
    if one is None or any((s.weights == 0).any() for s in run.network.synapses):
        return
    assert differences(one, other) == []


def as_sparse(s):
    """The same synapses given one by one."""
    fans = [s.fan_out(j) for j in range(s.n_source)]
    pre = np.repeat(np.arange(s.n_source), [len(fan.target) for fan in fans])
    post, weights, delay = (np.concatenate(parts) for parts in zip(*fans, strict=True))
    keep = (weights != 0) | isinstance(s, Sparse)
    return Sparse(s.source, s.target, pre[keep], post[keep], weights[keep], (s.n_target, s.n_source), delay[keep])


@given(st.data(), st.sampled_from(ARITHMETICS), st.sampled_from([Layered(), Random(2), Fifo()]))
def test_a_chain_may_be_given_as_layers_or_as_a_matrix(data, kind, schedule):
    chain = data.draw(chains(Arithmetic(kind)))
    n, weights = chain.n_neurons, [s.weights for s in chain.synapses]
    into, between = np.zeros((n, chain.n_inputs), weights[0].dtype), np.zeros((n, n), weights[0].dtype)
    into[chain.layer_slices[0]] = weights[0]
    for index in range(1, len(weights)):
        between[chain.layer_slices[index], chain.layer_slices[index - 1]] = weights[index]
    matrix = Network.from_matrix(into, between, chain.params, layer_of=chain.layer_of)
    assert matrix.outputs.tolist() == chain.outputs.tolist()
    counts = data.draw(generators()).integers(0, 3, (chain.n_inputs, 4))
    one, other = (simulate(net, counts, schedule=schedule) for net in (chain, matrix))
    assert differences(one, other, but=("synaptic_operations", "neuron_updates", "forward_steps")) == []


@given(networks())
def test_fan_out_tells_every_synapse_with_its_weight_in_the_units_of_the_state(network):
    unit = [1] * network.n_neurons
    if isinstance(network.params, LoihiParams):
        unit = (64 << network.params.weight_exp).tolist()
    for source, synapses in naive.synapses_of(network).items():
        found = zip(*(part.tolist() for part in network.fan_out(source)), strict=True)
        expected = [(i, float(w) * unit[i], d) for i, w, d in synapses]
        assert sorted(found) == sorted(expected)
    assert network.n_synapses == sum(map(len, naive.synapses_of(network).values()))


@given(st.data(), st.sampled_from(ARITHMETICS))
def test_the_order_in_which_synapses_are_listed_changes_nothing(data, kind):
    net = data.draw(assemblies(Arithmetic(kind)))
    ends = [(s.source, s.target) for s in net.synapses]
    assert ends == sorted(ends)
    if len(set(ends)) == len(ends):
        assert replace(net, synapses=net.synapses[::-1]) == net


def test_a_zero_is_a_synapse_in_dense_layers_and_none_in_a_matrix():
    dense = Network.feedforward([[[0.0, 1.0]]], forget)
    matrix = Network.from_matrix([[0.0, 1.0]], [[0.0]], forget, layer_of=[0])
    assert (dense.n_synapses, matrix.n_synapses) == (2, 1)
    for network, operations, updates in ((dense, 2, 1), (matrix, 1, 1)):
        result = simulate(network, [[1], [1]], schedule=Random(1))
        assert (result.synaptic_operations, result.neuron_updates) == (operations, updates)
    assert simulate(dense, [[1], [0]], schedule=Random(1)).neuron_updates == 1
    assert simulate(matrix, [[1], [0]], schedule=Random(1)).neuron_updates == 0


@pytest.mark.parametrize("kind", [CubaParams, LoihiParams])
def test_parameters_may_be_given_once_per_layer_or_per_neuron(kind):
    each = [kind(1, 1, 3), kind([0, 1, 0], 0, [4, 5, 6])]
    weights = [np.ones((2, 4), int), np.ones((3, 2), int)]
    together = kind([1, 1, 0, 1, 0], [1, 1, 0, 0, 0], [3, 3, 4, 5, 6])
    assert Network.feedforward(weights, each) == Network.feedforward(weights, together)
    assert Network.feedforward(weights, kind(1, 1, 3)) == Network.feedforward(weights, kind([1] * 5, [1] * 5, [3] * 5))
    complains(
        lambda: combine([CubaParams(1, 1, 1), LoihiParams(1, 1, 1)]),
        "Network.params = ['CubaParams', 'LoihiParams']: must be of one arithmetic in all layers",
    )


def test_layers_of_any_shape_are_flat_in_memory_one_after_another():
    net = Network((2, 3, 4), (Layer((5, 1, 2)), Layer(3)), (), forget, [12, 0])
    assert (net.n_inputs, net.n_neurons, net.layer_slices) == (24, 13, (slice(0, 10), slice(10, 13)))
    assert net.layer_of.tolist() == [0] * 10 + [1] * 3
    assert net.outputs.tolist() == [12, 0]
    assert (net.start_of(INPUT), net.start_of(0), net.start_of(1)) == (-24, 0, 10)


def test_outputs_come_in_the_order_asked_for():
    net = Network.from_matrix(np.eye(3), np.zeros((3, 3)), forget, layer_of=[0, 1, 1], outputs=[2, 0])
    assert simulate(net, np.diag([1, 0, 3])).output.tolist() == [[0, 0, 1], [1, 0, 0]]


@given(generators(), st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_a_list_of_synapses_in_any_order_is_kept_by_source_then_target(rng, n_source, n_target, delayed):
    pairs = rng.permutation(n_source * n_target)[: rng.integers(n_source * n_target + 1)]
    pre, post = np.divmod(pairs, n_target)
    delay = rng.integers(0, 3, len(pairs)) if delayed else None
    weights = rng.normal(size=len(pairs))
    kept = Sparse(INPUT, 0, pre, post, weights, (n_target, n_source), delay)
    ranked = np.argsort(pairs)
    expected = (pre, post, weights, np.zeros(len(pairs), int) if delay is None else delay)
    for array, given_ in zip((kept.pre, kept.post, kept.weights, kept.delay), expected, strict=True):
        np.testing.assert_array_equal(array, given_[ranked])
        assert not array.flags.writeable
    if len(pairs):
        twice = rng.permutation(np.append(pairs, pairs[0]))
        pre, post = np.divmod(twice, n_target)
        source, target = divmod(int(pairs[0]), n_target)
        complains(
            lambda: Sparse(INPUT, 0, pre, post, np.ones(len(twice)), (n_target, n_source)),
            f"Sparse synapse (post, pre) = ({target}, {source}): must be given once",
        )


# --------------------------------------------------------------------------------------------------- delays


@pytest.mark.parametrize("schedule", [Layered(), Random(1), Fifo()])
@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("refractory", [True, False])
def test_a_delay_of_d_arrives_d_time_steps_later(schedule, engine, refractory):
    """One input channel, one neuron per delay; then from neurons on, and around a loop."""
    delays = [0, 1, 2, 5]
    fan = Sparse(INPUT, 0, [0] * 4, range(4), np.ones(4), (4, 1), delays)
    onward = Dense(0, 1, np.eye(4), [3, 0, 2, 1])
    net = Network((1,), (Layer((4,)), Layer((4,))), (fan, onward), forget, range(4, 8))
    spikes = np.zeros((1, 10), int)
    spikes[0, 1] = 1
    result = simulate(net, spikes, schedule=schedule, refractory=refractory, engine=engine)
    first = [np.flatnonzero(row).tolist() for row in result.counts]
    assert first == [[1], [2], [3], [6], [4], [2], [5], [7]]
    loop = Network((1,), (Layer((1,)),), (Dense(INPUT, 0, [[1]]), Dense(0, 0, [[1]], 3)), forget, [0])
    around = simulate(loop, spikes, schedule=schedule, refractory=refractory, engine=engine)
    assert np.flatnonzero(around.counts).tolist() == [1, 4, 7]


@given(runs(network=arithmetics().flatmap(assemblies)))
def test_an_axonal_delay_is_the_same_delay_on_each_synapse(run):
    parts = tuple(replace(s, weights=np.where(s.weights == 0, 1, s.weights)) for s in run.network.synapses)
    dense = replace(run.network, synapses=parts)
    sparse = replace(dense, synapses=tuple(map(as_sparse, parts)))
    assert differences(execute(replace(run, network=dense)), execute(replace(run, network=sparse))) == []


def test_delayed_spikes_do_not_queue_and_do_not_count_against_the_group():
    """A neuron with delayed synapses only is not picked; one with both is picked for the immediate ones."""
    eye = np.eye(3)
    late = Network((3,), (Layer((3,)), Layer((3,))), (Dense(INPUT, 0, eye), Dense(0, 1, eye, [1, 0, 0])), forget, [])
    both = replace(late, synapses=(*late.synapses, Dense(0, 1, 2 * eye, [2, 0, 2])))
    result = simulate(late, np.ones((3, 1), int), schedule=Fifo(1), record="groups")
    assert [group for _, _, group in result.groups] == [[1], [2], [4], [5]]
    spikes = np.array([[1, 0, 0], [0, 0, 0], [1, 0, 0]])
    result = simulate(both, spikes, schedule=Fifo(1), record="trace")
    assert [g for g in result.groups if g[0] == 0] == [[0, 0, [2]], [0, 1, [5]]]
    assert [c.current[3:].tolist() for c in result.trace if c.k == 0] == [[0, 0, 0], [1, 0, 0], [2, 0, 2]]
    assert result.counts[3:].tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 1]]


def test_spikes_cut_off_by_a_stop_rule_still_arrive_through_their_delayed_synapses():
    parts = (Dense(INPUT, 0, [[1]]), Dense(0, 1, [[1]], 1), Dense(0, 1, [[1]]))
    net = Network((1,), (Layer((1,)), Layer((1,))), parts, forget, [1])
    result = simulate(net, [[1, 0]], schedule=Fifo(1), until=MaxForwardSteps(1, truncate=True))
    assert result.counts.tolist() == [[1, 0], [0, 1]]
    assert result.dropped == 2


# ---------------------------------------------------------------------------------------- networks as values


@given(networks())
def test_a_network_survives_pickling_before_and_after_it_ran(network):
    """Lava and worker processes send networks around."""
    fresh = pickle.loads(pickle.dumps(network))
    assert fresh == network
    spikes = np.ones((network.n_inputs, 2), int)
    first = simulate(network, spikes)
    used = pickle.loads(pickle.dumps(network))
    assert used == network
    assert differences(simulate(used, spikes), first) == differences(simulate(fresh, spikes), first) == []


def test_a_network_does_not_follow_the_arrays_it_was_made_from_nor_lock_them():
    weights, pre, delay = np.eye(2, dtype=np.float32), np.array([0, 1]), np.array([1, 0])
    parts = Dense(INPUT, 0, weights, delay), Sparse(0, 0, pre, pre, weights[0], (2, 2), delay)
    net = Network((2,), (Layer((2,)),), parts, forget, pre)
    before = pickle.dumps(net)
    weights[:], pre[:], delay[:] = 9, 0, 5
    assert pickle.dumps(net) == before


def test_a_network_cannot_be_changed():
    net = Network.feedforward([np.eye(2)], forget)
    with pytest.raises(AttributeError):
        net.outputs = [0]
    for array in (net.outputs, net.synapses[0].weights, net.params.vth):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_networks_are_equal_by_content():
    one, same, other = (Network.feedforward([w], forget) for w in (np.eye(2), [[1, 0], [0, 1]], np.ones((2, 2))))
    assert one == same != other
    assert one != "a network"


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.float32, np.float64, ">f8", bool])
def test_weights_may_have_any_number_type_that_holds_them(dtype):
    """Whole floats are fine for integers too: HDF5 and slayer carry them so."""
    weights = np.asfortranarray([[1, 0], [1, 1]]).astype(dtype)
    for params in (forget, LoihiParams(1, 1, 1)):
        assert Network.feedforward([weights], params) == Network.feedforward([[[1, 0], [1, 1]]], params)


# --------------------------------------------------------------------------------------------------- errors


def matrix(into=((1,), (1,)), between=((0, 0), (0, 0)), params=forget, **options):
    return Network.from_matrix(into, between, params, **{"layer_of": [0, 1]} | options)


one_neuron = (Layer((1,)),)


def single(*synapses, layers=one_neuron, input_shape=(1,), outputs=()):
    return Network(input_shape, layers, synapses, forget, outputs)


loihi = LoihiParams(1, 1, 1)
flat = np.ones((2, 3))
sized = {"source": INPUT, "target": 0, "size": (2, 1)}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: matrix(between=flat), "Network.weights.shape = (2, 3): must be (2, 2), [post, pre]"),
        (lambda: matrix(into=[1, 2]), "Network.input_weights.shape = (2,): must be (2, C)"),
        (lambda: matrix(into=[[1], [1, 2]]), "Network.input_weights = [[1], [1, 2]]: must be an array of numbers"),
        (lambda: matrix(into=[["a"], ["b"]]), "Network.input_weights = [['a'], ['b']]: must be numbers, not <U1"),
        (lambda: matrix(into=[[np.nan], [1]]), "Network.input_weights [0, 0] = nan: must be finite"),
        (lambda: matrix(between=[[0, np.inf], [0, 0]]), "Network.weights [0, 1] = inf: must be finite"),
        (
            lambda: matrix([[1e300], [1]]),
            "Network.input_weights [0, 0] = 1e+300: must be in -3.4028234663852886e+38 .. 3.4028234663852886e+38",
        ),
        (lambda: matrix([[256], [1]], params=loihi), "Network.input_weights [0, 0] = 256: must be in -256 .. 255"),
        (
            lambda: matrix([[-257.0], [1]], params=loihi),
            "Network.input_weights [0, 0] = -257.0: must be in -256 .. 255",
        ),
        (
            lambda: matrix([[0.5], [1]], params=loihi),
            "Network.input_weights [0, 0] = 0.5: must be integers in -256 .. 255",
        ),
        (
            lambda: matrix([[np.nan], [1]], params=loihi),
            "Network.input_weights [0, 0] = nan: must be integers in -256 .. 255",
        ),
        (
            lambda: matrix(layer_of=[0, 2]),
            "Network.layer_of = [0, 2]: must be 0, ..., 0, 1, ..., ascending without gaps",
        ),
        (
            lambda: matrix(layer_of=[1, 0]),
            "Network.layer_of = [1, 0]: must be 0, ..., 0, 1, ..., ascending without gaps",
        ),
        (lambda: matrix(layer_of=0), "Network.layer_of = 0: must be 0, ..., 0, 1, ..., ascending without gaps"),
        (lambda: matrix(layer_of=[0.0, 1.0]), "Network.layer_of = [0.0, 1.0]: must be integers, not float64"),
        (lambda: matrix(outputs=[2]), "Network.outputs = 2: must be in 0 .. 1"),
        (lambda: matrix(outputs=[-1]), "Network.outputs = -1: must be in 0 .. 1"),
        (lambda: matrix(outputs=[1, 1]), "Network.outputs = array([1, 1]): must be a list of different neurons"),
        (
            lambda: matrix(params=None),
            "Network.params = 'NoneType': must be parameters of neurons, such as CubaParams, or a list of such",
        ),
        (lambda: matrix(params=CubaParams([1, 1, 1], 1, 1)), "CubaParams.du.shape = (3,): must be () or (2,)"),
        (
            lambda: Network.feedforward([], forget),
            "Network.feedforward weights, shapes = []: must be a list of (post, pre)",
        ),
        (
            lambda: Network.feedforward([np.ones(3)], forget),
            "Network.feedforward weights, shapes = [(3,)]: must be a list of (post, pre)",
        ),
        (
            lambda: Network.feedforward([flat, flat], forget),
            "Network.feedforward weights, shapes = [(2, 3), (2, 3)]: must be (post, pre) with pre = post of the last",
        ),
        (
            lambda: Network.feedforward([[[1], [1, 2]]], forget),
            "Network.feedforward weights[0] = [[1], [1, 2]]: must be an array of numbers",
        ),
        (lambda: Network.feedforward([[[np.nan]]], forget), "Dense.weights = nan: must be finite"),
        (
            lambda: Network.feedforward([flat], [forget, forget]),
            "len(Network.feedforward params) = 2: must be 1, one per layer",
        ),
        (
            lambda: Network.feedforward([flat], None),
            "Network.feedforward params = 'NoneType': must be parameters of neurons, such as CubaParams, "
            "or a list of such",
        ),
        (
            lambda: Network.feedforward([flat, np.eye(2)], [forget, loihi]),
            "Network.params = ['CubaParams', 'LoihiParams']: must be of one arithmetic in all layers",
        ),
        (lambda: Layer((0,)), "Layer.shape = 0: must be >= 1"),
        (lambda: Layer((2.5,)), "Layer.shape = 2.5: must be an integer >= 1"),
        (lambda: Layer(()), "Layer.shape = (): must be at least one integer"),
        (lambda: single(layers=()), "Network.layers = (): must be at least one layer"),
        (lambda: single(layers=(None,)), "Network.layers = (None,): must be a sequence of Layer"),
        (lambda: single(input_shape=(-1,)), "Network.input_shape = -1: must be >= 0"),
        (lambda: single(5), "Network.synapses = (5,): must be a sequence of Synapses"),
        (lambda: single(Dense(0, 1, [[1]])), "Dense.target = 1: must be <= 0"),
        (lambda: single(Dense(-2, 0, [[1]])), "Dense.source = -2: must be >= -1"),
        (lambda: single(Dense(0, INPUT, [[1]])), "Dense.target = -1: must be >= 0"),
        (lambda: single(Dense("a", 0, [[1]])), "Dense.source = 'a': must be an integer >= -1"),
        (
            lambda: single(Dense(INPUT, 0, [[1, 2]])),
            "Dense(-1 -> 0), number of source neurons = 2: must be 1, the size of input",
        ),
        (
            lambda: single(Sparse(0, 0, [0], [0], [1], (2, 1))),
            "Sparse(0 -> 0), number of target neurons = 2: must be 1, the size of layer 0",
        ),
        (lambda: Dense(INPUT, 0, [1]), "Dense.weights.shape = (1,): must be (post, pre)"),
        (lambda: Dense(INPUT, 0, [["a"]]), "Dense.weights = [['a']]: must be numbers, not <U1"),
        (lambda: Dense(INPUT, 0, [[1]], -1), "Dense.delay = -1: must be in 0 .. 32767"),
        (lambda: Dense(INPUT, 0, [[1]], 1.0), "Dense.delay = 1.0: must be integers, not float64"),
        (lambda: Dense(INPUT, 0, [[1]], [1, 1]), "Dense.delay.shape = (2,): must be () or (1,), one per source neuron"),
        (
            lambda: Sparse(**sized, pre=[0, 0], post=[1, 1], weights=[1, 2]),
            "Sparse synapse (post, pre) = (1, 0): must be given once",
        ),
        (lambda: Sparse(**sized, pre=[0], post=[2], weights=[1]), "Sparse.post = 2: must be in 0 .. 1"),
        (lambda: Sparse(**sized, pre=[1], post=[0], weights=[1]), "Sparse.pre = 1: must be in 0 .. 0"),
        (
            lambda: Sparse(**sized, pre=[0], post=[0, 1], weights=[1]),
            "Sparse.post.shape = (2,): must be (1,), as Sparse.pre",
        ),
        (
            lambda: Sparse(**sized, pre=[0], post=[0], weights=[1], delay=[-1]),
            "Sparse.delay = -1: must be in 0 .. 32767",
        ),
        (
            lambda: Sparse(INPUT, 0, [0], [0], [1], 3),
            "Sparse.pre.shape, Sparse.size = ((1,), 3): must be (K,), (targets, sources)",
        ),
        (lambda: Sparse.from_matrix(INPUT, 0, [1, 2]), "Sparse.weights.shape = (2,): must be (post, pre)"),
        (
            lambda: Sparse.from_matrix(INPUT, 0, [[1, 2]], [[1], [2]]),
            "Sparse.delay.shape = (2, 1): must be () or (1, 2), as Sparse.weights",
        ),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_errors_name_object_field_value_and_what_is_allowed(call, message):
    complains(call, message)


three = Network.feedforward([flat], forget)
ones = np.ones((3, 2), int)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spikes": ones[:2]}, "spikes: number of channels C = 2: must be 3, the network's inputs"),
        ({"seed": -1}, "seed = -1: must be >= 0"),
        ({"seed": 2**63}, "seed = 9223372036854775808: must be <= 9223372036854775807"),
        ({"seed": 1.0}, "seed = 1.0: must be an integer >= 0"),
        ({"sample": -1}, "sample = -1: must be >= 0"),
        ({"record": "everything"}, "record = 'everything': must be one of counts, groups, trace"),
        ({"engine": "gpu"}, "engine = 'gpu': must be one of compiled, reference"),
        (
            {"engine": ["compiled"]},
            "engine = ['compiled']: must be one of compiled, reference; did you mean 'compiled'?",
        ),
        ({"refractory": "no"}, "refractory = 'no': must be True or False"),
        ({"input_first": 1}, "input_first = 1: must be True or False"),
        ({"network": None}, "network = None: must be a Network"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_simulate_names_the_argument_that_it_cannot_use(options, message):
    complains(lambda: simulate(**{"network": three, "spikes": ones} | options), message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spikes": ones}, "SpikeBatch.spikes.shape = (3, 2): must be (B, C, T)"),
        ({"spikes": ones[None, :2]}, "spikes: number of channels C = 2: must be 3, the network's inputs"),
        ({"samples": [1, 2]}, "samples.shape = (2,): must be (1,), one number per sample"),
        ({"samples": [1.0]}, "samples = [1.0]: must be integers, not float64"),
        ({"samples": [-1]}, "samples = -1: must be in 0 .. 9223372036854775807"),
        ({"threads": 0}, "threads = 0: must be >= 1"),
        ({"threads": 1.5}, "threads = 1.5: must be an integer >= 1"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_simulate_batch_names_the_argument_that_it_cannot_use(options, message):
    complains(lambda: simulate_batch(**{"network": three, "spikes": ones[None]} | options), message)


def test_errors_are_value_errors_and_type_errors():
    with pytest.raises(ValueError, match=r"must be >= 1"):
        Random(0)
    with pytest.raises(TypeError, match=r"must be integers, not float64"):
        LoihiParams(0.5, 1, 1)
    assert issubclass(InvalidType, TypeError)


@pytest.mark.parametrize(
    "synapses", [Dense(INPUT, 0, [[1, 2]]), Sparse(INPUT, 0, [0, 1], [0, 0], [1, 2], (1, 2))], ids=["dense", "sparse"]
)
def test_other_weights_of_the_same_synapses_must_be_numbers_too(synapses):
    with pytest.raises((InvalidType, InvalidValue), match=r"(Dense|Sparse)\.weights"):
        synapses.map_weights(lambda _, w: w.astype(str))
