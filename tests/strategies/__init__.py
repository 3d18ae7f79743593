"""What the tests draw: any network, its input, every schedule and stop rule, every switch.

Hypothesis chooses what matters (graph, sizes, arithmetic, regime, rules) and shrinks it; the numbers inside come from
a generator whose seed it chooses, which is fast and keeps them varied. Networks are arbitrary graphs on purpose:
chains are too tame to tell a wrong engine from a right one.
"""

from strategies.execution import (
    QUEUES,
    Run,
    batches,
    busy_runs,
    cutting_rules,
    deep,
    ending_rules,
    exact,
    mappings,
    runs,
    spikes,
    timed_runs,
    times,
    training_runs,
)
from strategies.laws import free_chains, grid_networks, orders, sayable_chains
from strategies.neuron_models import (
    MODEL_KINDS,
    float_model,
    loihi_model,
    model_runs,
    timed_model_runs,
    trained_model_runs,
)
from strategies.topology import (
    ARITHMETICS,
    Arithmetic,
    arithmetics,
    assemblies,
    chains,
    generators,
    graphs,
    networks,
    seeds,
)

__all__ = [
    "ARITHMETICS",
    "MODEL_KINDS",
    "QUEUES",
    "Arithmetic",
    "Run",
    "arithmetics",
    "assemblies",
    "batches",
    "busy_runs",
    "chains",
    "cutting_rules",
    "deep",
    "ending_rules",
    "exact",
    "float_model",
    "free_chains",
    "generators",
    "graphs",
    "grid_networks",
    "loihi_model",
    "mappings",
    "model_runs",
    "networks",
    "orders",
    "runs",
    "sayable_chains",
    "seeds",
    "spikes",
    "timed_model_runs",
    "timed_runs",
    "times",
    "trained_model_runs",
    "training_runs",
]
