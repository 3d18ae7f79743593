"""Neurons that a config names, ``[network] neuron = "alif"``: slayer's families, with the options of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lava_async.errors import InvalidValue
from lava_async.neurons.cuba import RESETS


def cuba(reset: str = "zero") -> dict[str, Any]:
    """Return what current-based neurons have besides threshold and decays.

    Parameters
    ----------
    reset : {"zero", "subtract"}
        Whether a spike sets the voltage to 0 or takes the threshold from it.

    Raises
    ------
    InvalidValue
        If `reset` is neither.
    """
    if reset not in RESETS:
        raise InvalidValue("cuba.reset", reset, " or ".join(map(repr, RESETS)))
    return {"reset": reset}


def alif(threshold_step: float = 0.5, threshold_decay: float = 0.25, refractory_decay: float = 0.5) -> dict[str, Any]:
    """Return what adaptive neurons have besides.

    Parameters
    ----------
    threshold_step : float
        What a spike adds to the threshold.
    threshold_decay : float
        Part of what was added that a time step loses.
    refractory_decay : float
        The same of the refractory voltage, twice the threshold at each spike.
    """
    return {
        "threshold_step": threshold_step,
        "threshold_decay": threshold_decay,
        "refractory_decay": refractory_decay,
    }


def resonator(period: float = 10.0, decay: float = 0.1) -> dict[str, Any]:
    """Return what resonate and fire neurons, with a reset or without, have besides their threshold.

    Parameters
    ----------
    period : float
        Time steps of a whole turn, >= 4.
    decay : float
        Part of the state that a time step loses.
    """
    return {"period": period, "decay": decay}


def sigma_delta(learn_thresholds: bool = False) -> dict[str, Any]:
    """Return what sigma-delta neurons have besides their threshold.

    Parameters
    ----------
    learn_thresholds : bool
        Train thresholds too, one for each layer.

    Examples
    --------
    >>> sigma_delta(learn_thresholds=True)
    {'requires_grad': True}
    """
    return {"requires_grad": bool(learn_thresholds)}


NEURONS: dict[str, Callable[..., dict[str, Any]]] = {
    "cuba": cuba,
    "alif": alif,
    "rf": resonator,
    "rf_iz": resonator,
    "sigma_delta": sigma_delta,
}
"""By the name of their module in slayer."""
RESONATORS = "rf", "rf_iz"
WITHOUT_DECAYS = *RESONATORS, "sigma_delta"
"""Which have no decays of current and voltage."""
