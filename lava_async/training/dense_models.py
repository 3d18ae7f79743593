"""Neuron models for the dense gradient engine: section 8 of the semantics once more, in torch and differentiable.

States are dicts of (B, n) tensors in the units of the gradient; those of Loihi's integers are multiples of
1/``state_scale`` and are rounded as Loihi rounds them, straight through for the gradient. A model has `open`,
`integrate` and `excess` (by how much a neuron exceeds its threshold), and `fire`, which returns what a check sends as a
differentiable number: its value is what is sent, its derivative that of section 8.5.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from lava_async.errors import InvalidType
from lava_async.neurons import NeuronModel
from lava_async.neurons.loihi import LIMIT
from lava_async.training.surrogates import Exponential, Surrogate

Cells = dict[str, Tensor]
"""The state of n neurons in B samples: (B, n) tensors by name."""


class Check(NamedTuple):
    """What is decided of a check, (B, n) booleans, and how it is differentiated."""

    fired: Tensor
    counted: Tensor
    """Where the slope of the surrogate counts."""
    reset: str
    """ "passes": a constant is taken from the state; "detached": the spike in the reset is constant;
    "differentiated"."""


class TorchModel(ABC):
    """Neurons of one model.

    Parameters
    ----------
    model : NeuronModel
        Their parameters, of which units and words are used.
    numbers : dict of (n,) tensors
        What the model's ``arrays()`` names, in the units of the gradient.
    surrogate : Surrogate
        Slope of their threshold.
    once : bool
        Whether a check fires at most once: refractoriness is on.
    """

    state: ClassVar[tuple[str, ...]] = ("u", "v")

    def __init__(self, model: NeuronModel, numbers: dict[str, Tensor], surrogate: Surrogate, once: bool) -> None:
        training = model.training
        assert training is not None
        self.model, self.p, self.surrogate, self.once = model, numbers, surrogate, once
        self.grid = model.tag == "fixed_pt"
        self.state_scale, self.payload_scale = training.state_scale, training.payload_scale
        self.size = next(iter(numbers.values())).shape[0]

    def start(self, like: Tensor, batch: int) -> Cells:
        """Return the state at the start of a sample."""
        return {name: like.new_zeros(batch, self.size) for name in self.state}

    @property
    def alone(self) -> Tensor:
        """Which neurons may fire as a time step opens although nothing reached them, (n,) booleans."""
        return torch.ones(self.size, dtype=torch.bool, device=next(iter(self.p.values())).device)

    @abstractmethod
    def open(self, s: Cells, held: Tensor) -> Cells:
        """Return the state after a time step opened; `held` neurons wait out their refractory steps."""

    @abstractmethod
    def integrate(self, s: Cells, arriving: tuple[Tensor, Tensor], refractory: Tensor, looked_at: Tensor) -> Cells:
        """Return the state after real and imaginary parts arrived."""

    @abstractmethod
    def momentum(self, s: Cells) -> Tensor:
        """Return what is compared with the threshold."""

    @abstractmethod
    def excess(self, s: Cells) -> Tensor:
        """Return by how much neurons exceed their thresholds."""

    def fires(self, s: Cells) -> Tensor:
        """Return which neurons fire."""
        return self.excess(s) >= 0

    @abstractmethod
    def fire(self, s: Cells, check: Check) -> tuple[Cells, Tensor]:
        """Return the state after a check, and what it sends."""

    def spike(self, s: Cells, check: Check) -> Tensor:
        """Return differentiable spikes: 0 or 1, and the slope of the surrogate where it counts."""
        x = self.excess(s)
        constant = x.detach()
        return check.fired.to(x) + (x - constant) * self.surrogate.derivative(constant) * check.counted

    def product(self, x: Tensor, factor: Tensor) -> Tensor:
        """Return a state times a factor; Loihi rounds it toward zero, straight through for the gradient."""
        left = x * factor
        if not self.grid:
            return left
        exact = torch.trunc(x.detach().double() * factor.detach().double() * self.state_scale) / self.state_scale
        return left + (exact.to(left) - left).detach()

    def clipped(self, x: Tensor, looked_at: Tensor) -> Tensor:
        """Return a state saturated at 24 bits, straight through."""
        most = (LIMIT - 1) / self.state_scale
        return x + (x.clamp(-most, most) - x).detach() * looked_at if self.grid else x


def reset_to(x: Tensor, value: Tensor | float, s: Tensor, how: str) -> Tensor:
    """Return a state that a spike sets to a value."""
    if how == "passes":
        return x + ((value - x) * s).detach()
    s = s.detach() if how == "detached" else s
    return x + (value - x) * s


class Membrane(TorchModel):
    """What current-based and adaptive neurons share: u and v."""

    keeps_voltage: ClassVar[bool] = False
    """Whether refractory and held neurons leave their voltage alone."""

    def open(self, s: Cells, held: Tensor) -> Cells:
        u = self.product(s["u"], self.p["keep_u"])
        v = self.product(s["v"], self.p["keep_v"]) + u + self.p["bias"]
        return {**s, "u": u, "v": torch.where(held, s["v"], v) if self.keeps_voltage else v}

    def integrate(self, s: Cells, arriving: tuple[Tensor, Tensor], refractory: Tensor, looked_at: Tensor) -> Cells:
        left = refractory & self.keeps_voltage
        u, v = s["u"] + arriving[0], s["v"] + torch.where(left, 0, arriving[0])
        if self.grid:
            limit = LIMIT / self.state_scale
            wrap = 2 * limit * ((u <= -limit).to(u) - (u > limit).to(u)) * looked_at
            u, v = u + wrap, self.clipped(v + torch.where(left, 0, wrap), looked_at)
        return {**s, "u": u, "v": v}

    def momentum(self, s: Cells) -> Tensor:
        return s["v"]

    def excess(self, s: Cells) -> Tensor:
        return s["v"] - self.p["vth"]

    def fires(self, s: Cells) -> Tensor:
        return self.excess(s) > 0


class ResetToZero(Membrane):
    """Current-based neurons, section 2 and 3."""

    keeps_voltage = True

    @property
    def alone(self) -> Tensor:
        return (self.p["keep_u"] > 0) | (self.p["bias"] != 0)

    def fire(self, s: Cells, check: Check) -> tuple[Cells, Tensor]:
        spike = self.spike(s, check)
        return {**s, "v": reset_to(s["v"], 0.0, spike, check.reset)}, spike


class Subtract(Membrane):
    """The same with the threshold taken from the voltage, section 8.1."""

    def fire(self, s: Cells, check: Check) -> tuple[Cells, Tensor]:
        spike, vth = self.spike(s, check), self.p["vth"]
        rest, least = s["v"].detach(), vth.detach()
        # The lowest n with v - n vth <= vth.
        n = check.fired.to(rest) if self.once else torch.where(check.fired, torch.ceil(rest / least) - 1, 0)
        spike = spike + n - check.fired.to(n)
        taken = vth * spike if check.reset == "differentiated" else vth.detach() * n
        return {**s, "v": s["v"] - taken}, spike


class Adaptive(Membrane):
    """ALIF, section 8.2."""

    state = ("u", "v", "theta", "rho")

    def start(self, like: Tensor, batch: int) -> Cells:
        return {**super().start(like, batch), "theta": self.p["vth"].expand(batch, -1)}

    def open(self, s: Cells, held: Tensor) -> Cells:
        vth = self.p["vth"]
        theta = self.product(s["theta"] - vth, self.p["keep_theta"]) + vth
        return {**super().open(s, held), "theta": theta, "rho": self.product(s["rho"], self.p["keep_rho"])}

    def momentum(self, s: Cells) -> Tensor:
        return s["v"] - s["rho"]

    def excess(self, s: Cells) -> Tensor:
        return s["v"] - s["rho"] - s["theta"]

    def fires(self, s: Cells) -> Tensor:
        return s["v"] - s["rho"] >= s["theta"]

    def fire(self, s: Cells, check: Check) -> tuple[Cells, Tensor]:
        spike = self.spike(s, check)
        more, step = 2 * s["theta"] * spike, self.p["theta_step"] * spike
        if check.reset != "differentiated":
            more, step = more.detach(), step.detach()
        return {**s, "rho": s["rho"] + more, "theta": s["theta"] + step}, spike


class Difference(TorchModel):
    """Sigma-delta and delta neurons, section 8.3: what they send is a number."""

    @abstractmethod
    def output(self, s: Cells) -> Tensor:
        """Return the activation a."""

    def momentum(self, s: Cells) -> Tensor:
        return (self.output(s) - s["sent"]).abs()

    def excess(self, s: Cells) -> Tensor:
        return self.momentum(s) - self.p["vth"]

    def fire(self, s: Cells, check: Check) -> tuple[Cells, Tensor]:
        a, sent = self.output(s), s["sent"]
        d = a - sent
        payload = d.detach()
        if self.payload_scale != 1:
            payload = torch.floor(payload * self.payload_scale) / self.payload_scale
        # As slayer differentiates them: a check that counts sends d, and a is sent then, whether it fires or not.
        change = (d - d.detach() - self.by_threshold(d.detach())) * check.counted
        after = torch.where(check.fired, a, sent).detach()
        followed = torch.where(check.counted, a - a.detach(), sent - sent.detach())
        return {**s, "sent": after + followed}, payload * check.fired + change

    def by_threshold(self, d: Tensor) -> Tensor:
        """Return 0, whose derivative by the threshold is slayer's, without its sign.

        It is ``d / threshold`` times the slope of the surrogate where the difference d is above the threshold, else
        ``sign(d)``.
        """
        vth = self.p["vth"]
        least = vth.detach()
        beyond = d.abs() - least
        times = torch.where(least > 0, d.abs() / torch.where(least > 0, least, 1), 1)
        slope = torch.where(beyond > 0, times * self.surrogate.derivative(beyond), 1)
        return (vth - least) * torch.sign(d) * slope


class Sigma(Difference):
    """Sigma-delta neurons."""

    state = ("sigma", "sent")

    def output(self, s: Cells) -> Tensor:
        a = s["sigma"] + self.p["bias"]
        return torch.relu(a) if self.model.words()[0] == "relu" else a

    def open(self, s: Cells, held: Tensor) -> Cells:
        return s

    def integrate(self, s: Cells, arriving: tuple[Tensor, Tensor], refractory: Tensor, looked_at: Tensor) -> Cells:
        return {**s, "sigma": s["sigma"] + arriving[0]}


class Encoder(Difference):
    """Delta neurons."""

    state = ("x", "sent")

    def output(self, s: Cells) -> Tensor:
        return s["x"]

    def open(self, s: Cells, held: Tensor) -> Cells:
        return {**s, "x": torch.zeros_like(s["x"])}

    def integrate(self, s: Cells, arriving: tuple[Tensor, Tensor], refractory: Tensor, looked_at: Tensor) -> Cells:
        return {**s, "x": s["x"] + arriving[0]}


class Resonator(TorchModel):
    """Resonate and fire neurons, section 8.4."""

    state = ("x", "y", "before")

    def open(self, s: Cells, held: Tensor) -> Cells:
        x, y, cos, sin = s["x"], s["y"], self.p["cos"], self.p["sin"]
        return {
            "x": self.product(x, cos) - self.product(y, sin),
            "y": self.product(x, sin) + self.product(y, cos),
            "before": y.detach(),
        }

    def integrate(self, s: Cells, arriving: tuple[Tensor, Tensor], refractory: Tensor, looked_at: Tensor) -> Cells:
        x, y = (self.clipped(s[name] + part, looked_at) for name, part in zip("xy", arriving, strict=True))
        return {**s, "x": x, "y": y}


class Phase(Resonator):
    """RF: fires as y becomes positive, and is not reset."""

    def momentum(self, s: Cells) -> Tensor:
        return s["x"]

    def excess(self, s: Cells) -> Tensor:
        return s["x"] - self.p["vth"]

    def fires(self, s: Cells) -> Tensor:
        return (s["x"] >= self.p["vth"]) & (s["y"] >= 0) & (s["before"] < 0)

    def spike(self, s: Cells, check: Check) -> Tensor:
        """Return spikes with slayer's own derivatives: a step of x times a pulse where y is 0."""
        if not isinstance(self.surrogate, Exponential):
            raise InvalidType("surrogate", type(self.surrogate).__name__, "Exponential for resonate and fire neurons")
        x, y = self.excess(s), s["y"]
        at_x, at_y = x.detach(), y.detach()
        tau, scale = (
            torch.as_tensor(z, dtype=x.dtype, device=x.device) for z in (self.surrogate.tau, self.surrogate.scale)
        )
        pulse_x, pulse_y = (torch.exp(-z.abs() / tau) / (2 * tau) for z in (at_x, at_y))
        step = (1 + torch.sign(at_x) * (1 - 2 * tau * pulse_x)) / 2
        by_x, by_y = scale * pulse_x * pulse_y, -scale / tau * torch.sign(at_y) * pulse_y * step
        return check.fired.to(x) + ((x - at_x) * by_x + (y - at_y) * by_y) * check.counted

    def fire(self, s: Cells, check: Check) -> tuple[Cells, Tensor]:
        return s, self.spike(s, check)


class Izhikevich(Resonator):
    """RF_IZ: fires where y exceeds the threshold, and is reset."""

    def momentum(self, s: Cells) -> Tensor:
        return s["y"]

    def excess(self, s: Cells) -> Tensor:
        return s["y"] - self.p["vth"]

    def fires(self, s: Cells) -> Tensor:
        return s["y"] >= self.p["vth"]

    def fire(self, s: Cells, check: Check) -> tuple[Cells, Tensor]:
        spike, after = self.spike(s, check), self.p["after"]
        after = after if check.reset == "differentiated" else after.detach()
        x, y = (
            reset_to(s[name], to, spike, check.reset) for name, to in (("x", torch.zeros_like(after)), ("y", after))
        )
        return {**s, "x": x, "y": y}, spike


DENSE_MODELS: dict[str, type[TorchModel]] = {
    "CUBA zero": ResetToZero,
    "CUBA subtract": Subtract,
    "ALIF": Adaptive,
    "sigma-delta relu": Sigma,
    "sigma-delta unit": Sigma,
    "delta": Encoder,
    "resonate rf": Phase,
    "resonate rf_iz": Izhikevich,
}
"""By the name of a model in the core."""


def torch_model(model: NeuronModel, numbers: dict[str, Tensor], surrogate: Surrogate, once: bool) -> TorchModel:
    """Return the neurons of a model.

    Raises
    ------
    InvalidType
        If the dense engine does not know the model.
    """
    found = DENSE_MODELS.get(model.core_name or "")
    if found is None:
        raise InvalidType("engine='dense'", model.describe(), "one of " + ", ".join(DENSE_MODELS))
    return found(model, numbers, surrogate, once)


__all__ = ["DENSE_MODELS"]
