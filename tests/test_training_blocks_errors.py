"""What cannot be run is an error that names block, field and value."""

from __future__ import annotations

import pytest
import torch
from slayer_blocks import GRID, NEURON, affine, conv, cuba, delays, dense, flatten

from lava_async import FirstOutput, Random
from lava_async.errors import InvalidType, InvalidValue
from lava_async.training import UnlayeredNetwork
from lava_async.training.blocks import slayer


def refuse(blocks, message, **options):
    with pytest.raises((InvalidValue, InvalidType)) as caught:
        UnlayeredNetwork(blocks, **{"schedule": Random(2), "input_shape": GRID, **options})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (lambda: [slayer().block.cuba.Average(3)], "blocks[0] (Average) = 'the last block': must be one with neurons"),
        (lambda: [conv(2, 2, 3), slayer().block.cuba.Average(7)], "blocks[1] (Average).num_outputs = 7: must be a div"),
        (lambda: [flatten(), affine(60, 3)], "blocks[1] (Affine): what reaches it = 'the input': must be what blocks"),
        (
            lambda: [*affine_first(), dense(3, 3)],
            "blocks[3] (Dense) = 'behind blocks[2] (Affine)': must be nothing but",
        ),
        (lambda: [kwta()], "slayer.block.cuba.Affine (its winners are those of a whole layer, checked at once"),
        (lambda: [cuba("ConvT", 3, 2, 3)], "blocks[0] (ConvT): number of inputs = 3: must be 2, the channels of"),
        (lambda: [cuba("ConvT", 2, 2, 1, padding=3)], "blocks[0] (ConvT).padding = (3, 3): must be less"),
        (lambda: [cuba("Unpool", 2, stride=1)], "blocks[0] (Unpool).stride = (1, 1): must be (2, 2), the window"),
        (lambda: [flatten()], "blocks[0] (Flatten) = 'the last block': must be one with neurons"),
        (lambda: [conv(3, 2, 3)], "blocks[0] (Conv): number of inputs = 3: must be 2, the channels"),
        (lambda: [flatten(), conv(2, 2, 3)], "blocks[1] (Conv): shape of what reaches it = [(60,)]: must be"),
        (lambda: [conv(2, 2, 7)], "blocks[0] (Conv): shape of what reaches it = (2, 6, 5): must be at least"),
        (lambda: [dense(60, 3)], "blocks[0] (Dense): shape of what reaches it = (2, 6, 5): must be (neurons,)"),
        (lambda: [flatten(), dense(50, 3)], "number of inputs = 50: must be 60, the neurons of blocks[0]"),
        (lambda: [cuba("Pool", 2, stride=1)], "blocks[0] (Pool).stride = (1, 1): must be (2, 2), the window"),
        (lambda: [cuba("Pool", 2, padding=1)], "blocks[0] (Pool).padding = (1, 1): must be (0, 0)"),
        (lambda: [cuba("Pool", 2, dilation=2)], "blocks[0] (Pool).dilation = (2, 2): must be (1, 1)"),
        (lambda: [cuba("Pool", 3)], "blocks[0] (Pool): height and width of what reaches it = (6, 5): must be"),
        (lambda: [conv(2, 2, 3), cuba("Input")], "blocks[1] (Input) = 'behind another block': must be blocks[0]"),
        (lambda: [cuba("Input", bias=0.3)], "blocks[0] (Input).bias = 0.3125: must be None, or 0"),
        (lambda: [conv(2, 2, 3, delay=True)], "blocks[0] (Conv).delay = 'an axonal delay': must be None"),
        (lambda: [ran(conv(2, 2, 3), (2, 4, 4))], "blocks[0] (Conv).neuron.shape = (2, 2, 2): must be (2, 4, 3)"),
        (lambda: [slayer().axon.Delay(sampling_time=2), conv(2, 2, 3)], "blocks[0] (Delay).sampling_time = 2"),
        (lambda: [delays(slayer().axon.Delay(), 1.0), conv(2, 2, 3)], "blocks[0] (Delay).shape = (1,): must be (2,)"),
        (lambda: [conv(2, 2, 3, pre_hook_fx=None)], "blocks[0] (Conv).synapse.pre_hook_fx = None: must be 8-bit"),
    ],
)
def test_blocks_that_cannot_be_run_are_named(blocks, message):
    refuse(blocks(), message)


def affine_first():
    return [flatten(), dense(60, 4), affine(4, 3)]


def kwta():
    return slayer().block.cuba.KWTA(dict(NEURON), 4, 3, 1)


def test_a_stop_rule_at_an_output_that_never_fires_is_refused():
    message = (
        "UnlayeredNetwork.until = FirstOutput(extra_steps=0): must be Quiescence(), since blocks[2] (Affine) never"
    )
    refuse(affine_first(), message, until=FirstOutput())


def ran(block, shape):
    block(torch.zeros(1, *shape, 1))
    return block


def test_the_shape_of_the_input_must_be_known():
    message = "input_shape = None: must be (channels, height, width) or (channels,), since blocks[0] (Conv)"
    refuse([conv(2, 2, 3)], message, input_shape=None)


@pytest.mark.parametrize(
    ("connections", "message"),
    [
        ([(0, 1)], "connections[0] source = 0: must be <= -1"),
        ([(0, 2), (0, 2)], "connections[1] = (0, 2): must be given once"),
        ([(2, 1)], "connections[0] source = 2: must be <= -1"),
        ([(0, 3)], "connections[0] target = 3: must be <= 2"),
        ([(0, 0)], "connections[0] target = 0: must be >= 1"),
        ([0], "connections[0] = 0: must be (source, target), the numbers of two blocks"),
        ([("first", 2)], "connections[0] source = 'first': must be an integer"),
        ([(0, 2)], "blocks[2] (Conv): number of inputs = 2: must be 2 + 2, the channels of blocks[1] and blocks[0]"),
        ([(-1, 2)], "blocks[2] (Conv): shape of what reaches it = [(2, 4, 3), (2, 6, 5)]: must be"),
    ],
)
def test_connections_that_cannot_be_made_are_named(connections, message):
    refuse([conv(2, 2, 3), conv(2, 2, 3, padding=1), conv(2, 2, 3)], message, connections=connections)


def test_groups_and_skip_connections_exclude_each_other():
    blocks = [conv(2, 2, 3, padding=1), conv(2, 2, 3, padding=1), conv(4, 2, 3, groups=2)]
    refuse(blocks, "blocks[2] (Conv).groups = 2: must be 1 where skip connections end", connections=[(0, 2)])


def test_an_axon_of_two_paths_is_refused():
    blocks = [conv(2, 2, 3, padding=1), slayer().axon.Delay(), conv(4, 2, 3)]
    refuse(blocks, "blocks[1] (Delay).sources = 2: must be 1", connections=[(-1, 1)])
