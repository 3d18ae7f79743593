"""Calibration: thresholds that are raised after training, for the order in which a network will run.

Under the timing of a chip a neuron is checked after every message. Part of its input can exceed a threshold that all of
it would not; then the neuron has fired and is refractory. Higher thresholds prevent that. No weight changes and nothing
is trained: a few factors are chosen on validation samples, one per layer or one for several.

::

    found = calibrate(network, digits("validation"), Execution(Timed()))
    found.factors                      # of each layer, as (1.0, 1.4, 6.0)
    found.after.accuracy, found.after.at_first_output
    netx.save(found.network, "calibrated.net", calibration=found.notes())
"""

from lava_async.calibration.calibrate import Calibration, calibrate
from lava_async.calibration.factors import groups_of, scale_thresholds
from lava_async.calibration.numbering import Numbering, search_numbering
from lava_async.calibration.objectives import OBJECTIVES, Objective, objective_of
from lava_async.calibration.points import Point

__all__ = [
    "OBJECTIVES",
    "Calibration",
    "Numbering",
    "Objective",
    "Point",
    "calibrate",
    "groups_of",
    "objective_of",
    "scale_thresholds",
    "search_numbering",
]
