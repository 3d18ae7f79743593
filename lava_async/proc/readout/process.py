"""The Process that decides."""

from __future__ import annotations

from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import LogConfig
from lava.magma.core.process.variable import Var

from lava_async.errors import not_among
from lava_async.proc.checked_process import CheckedProcess
from lava_async.proc.clock import Clock
from lava_async.records import check_int

RULES = ("counts", "first")


class Readout(CheckedProcess):
    """Decides for a class by the spikes of output neurons, sample after sample.

    ::

        counts += s_in                               # per class, since the sample began
        decision = argmax(counts)                    # ties: the lower class; -1 before the first spike
        confidence = max(counts) / sum(counts)       # 0 before the first spike
        decision_time = steps until it fell          # rule "first": it falls with the first output spike, and stands

    Parameters
    ----------
    n_classes : int
        Number of output neurons.
    reset_interval : int
        Time steps of one sample.
    n_samples : int
        Samples whose decisions are kept; then the first is overwritten.
    rule : {"counts", "first"}
        "counts": the class with most spikes in the sample. "first": the class that leads in the Lava time step in which
        the first output neuron fires.
    graded : bool
        `s_in` carries momenta, as AsyncLIF sends them: any value but 0 is one spike.
    steps_per_bin : int
        Lava time steps of one time step.
    offset : int
        Lava time steps before the output of the first time step: 0 behind AsyncNetwork's models on the engine, 1 behind
        neurons that get their input through one stock connection.
    name, log_config
        As in every Lava Process.

    Attributes
    ----------
    s_in : InPort (n_classes,)
        Spike counts of the output neurons.
    out : OutPort (1,)
        The decision so far, in every Lava time step.
    decision, confidence, decision_time : Var (n_samples,)
        Class, share of all output spikes, and Lava time steps of the sample until the decision was what it is (0: there
        was no output spike).

    Raises
    ------
    InvalidValue, InvalidType
        If an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> import lava_async  # before Lava
    >>> from lava.magma.core.run_configs import Loihi2SimCfg
    >>> from lava.proc.io.source import RingBuffer as Source
    >>> from lava_async.proc.runtime import run
    >>> source = Source(data=np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0]]))
    >>> readout = Readout(n_classes=3, reset_interval=4, n_samples=1)
    >>> source.s_out.connect(readout.s_in)
    >>> session = run(readout, 4, Loihi2SimCfg(select_tag="fixed_pt"))
    >>> readout.decision.get(), readout.confidence.get().round(2), readout.decision_time.get()
    (array([2.]), array([0.67]), array([3.]))
    """

    def __init__(
        self,
        *,
        n_classes: int,
        reset_interval: int,
        n_samples: int,
        rule: str = "counts",
        graded: bool = False,
        steps_per_bin: int = 1,
        offset: int = 0,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs: object,
    ) -> None:
        self.refuse(kwargs)
        n_classes = check_int("Readout.n_classes", n_classes, least=1)
        n_samples = check_int("Readout.n_samples", n_samples, least=1)
        if rule not in RULES:
            raise not_among("Readout.rule", rule, RULES)
        super().__init__(
            n_classes=n_classes,
            reset_interval=reset_interval,
            n_samples=n_samples,
            rule=rule,
            graded=bool(graded),
            steps_per_bin=steps_per_bin,
            offset=offset,
            name=name,
            log_config=log_config,
        )
        check_int("Readout.reset_interval", reset_interval, least=1)
        self.proc_params["clock"] = Clock.checked("Readout", steps_per_bin, offset, reset_interval)
        self.s_in = InPort(shape=(n_classes,))
        self.out = OutPort(shape=(1,))
        self.decision = Var(shape=(n_samples,), init=-1)
        self.confidence = Var(shape=(n_samples,), init=0)
        self.decision_time = Var(shape=(n_samples,), init=0)
