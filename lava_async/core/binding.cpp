// The module `lava_async._core`. lava_async.engine, .spikes, .synapses, .data and .training are its only users.
#include "binding.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "engine.hpp"

NB_MODULE(_core, m) {
  namespace nb = nanobind;
  nb::set_leak_warnings(false);
  m.doc() = "The engines in C++.";
  m.def("instruction_sets", &lava_async::instruction_sets,
        "Names of the instruction sets that this machine runs, the best first.");
  lava_async::bind_network(m);
  lava_async::bind_engine(m);
  lava_async::bind_events(m);
  lava_async::bind_augment(m);
  lava_async::bind_synapse_order(m);
}
