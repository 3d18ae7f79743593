// The memory of one thread that runs samples forward; a sample that ends leaves it ready for the next.
#pragma once
#include "queue.hpp"
#include "spikes.hpp"
#include "synapses/arrivals.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class Num>
struct Workspace {
  Array<Num> u, v;        // by place
  Array<Num> peak;        // highest voltage at a check of the time step
  Array<Num> momentum;    // voltage at the last check, for schedules that rank by it
  Array<Bits> fired;      // by block: neurons that fired in this time step
  Array<Bits> free;       // those of them that may fire again
  Array<int32_t> counts;  // by place: spikes in this time step, where there may be several
  // By source, the input channels first: spikes that wait, and when the first of them was emitted.
  Array<int32_t> waiting, emission;
  Array<int32_t> delivered;  // payloads of the group
  Array<int32_t> begin;      // (L + 2,) where the sources of each layer begin in the group, the input first
  Array<int32_t> first;      // (L + 2,) their first neurons
  Arrivals<Num> arrivals;
  Queue queue;
  History history;
  std::vector<std::pair<int, int>> merged;  // spikes through several parts: (source, part)

  explicit Workspace(const Layout& net) {
    const size_t n = net.n_places(), n_sources = static_cast<size_t>(net.n_inputs) + net.n_neurons;
    for (Array<Num>* x : {&u, &v, &peak, &momentum}) *x = Array<Num>(n);
    fired = Array<Bits>(net.n_blocks + 8);
    free = Array<Bits>(net.n_blocks + 8);
    counts = Array<int32_t>(n);
    waiting = Array<int32_t>(n_sources + BLOCK);
    emission = Array<int32_t>(n_sources + BLOCK);
    delivered = Array<int32_t>(n_sources + BLOCK);
    begin = Array<int32_t>(net.layers.size() + 2);
    first = Array<int32_t>(net.layers.size() + 2);
    for (int l = 0; l < net.n_layers(); l++) first[l + 1] = net.layers[l].first;
    arrivals.make(net.n_blocks);
    queue.make(net.n_inputs, net.n_neurons);
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
