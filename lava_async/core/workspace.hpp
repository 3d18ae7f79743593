// The memory of one thread that runs samples forward; a sample that ends leaves it ready for the next.
#pragma once
#include "numbers.hpp"
#include "queue.hpp"
#include "run.hpp"
#include "spikes.hpp"
#include "synapses/arrivals.hpp"

namespace lava_async {
namespace LAVA_ISA {

// P: the type of payloads, see SpikesOf.
template <class Num, class P = int32_t>
struct Workspace {
  Array<Num> u, v;        // by place
  Array<Num> peak;        // highest voltage at a check of the time step
  Array<Num> momentum;    // voltage at the last check, for schedules that rank by it
  Array<Num> offset;      // voltage less current as the time step opened, to find premature spikes
  Array<Bits> fired;      // by block: neurons that fired in this time step
  Array<Bits> free;       // those of them that may fire again
  Array<int32_t> counts;  // by place: spikes in this time step, where there may be several
  // By source, the input channels first: spikes that wait, and when the first of them was emitted.
  Array<int32_t> waiting, emission;
  Array<P> delivered;    // payloads of the group
  Array<int32_t> begin;  // (L + 2,) where the sources of each layer begin in the group, the input first
  Array<int32_t> first;  // (L + 2,) their first neurons
  Arrivals<Num> arrivals;
  Queue queue;
  History<P> history;
  // Of networks of any models: states by place, payloads that wait by source, and by place what a neuron sends that
  // fires now, sent in this time step, has received of synaptic operations, and for how long it is held.
  Array<Num> field[MOST_FIELDS], payload, leaving, sent;
  Array<Num> factor;  // by place: what the messages of a neuron are multiplied by (neuron dropout)
  Array<int32_t> received, held;
  Array<Bits> waits_out;                    // by block: neurons that wait out their refractory steps in this time step
  Arrivals<Num> imaginary;                  // what arrives through the imaginary parts of weights
  int stuck = -1;                           // a neuron whose threshold does not change its voltage
  std::vector<std::pair<int, int>> merged;  // spikes through several parts: (source, part)

  explicit Workspace(const Layout& net) {
    const size_t n = net.n_places(), n_sources = static_cast<size_t>(net.n_inputs) + net.n_neurons;
    for (Array<Num>* x : {&u, &v, &peak, &momentum, &offset}) *x = Array<Num>(n);
    fired = Array<Bits>(net.n_blocks + 8);
    free = Array<Bits>(net.n_blocks + 8);
    counts = Array<int32_t>(n);
    waiting = Array<int32_t>(n_sources + BLOCK);
    emission = Array<int32_t>(n_sources + BLOCK);
    delivered = Array<P>(n_sources + BLOCK);
    begin = Array<int32_t>(net.layers.size() + 2);
    first = Array<int32_t>(net.layers.size() + 2);
    for (int l = 0; l < net.n_layers(); l++) first[l + 1] = net.layers[l].first;
    arrivals.make(net.n_blocks);
    queue.make(net.n_inputs, net.n_neurons);
  }
  // Takes the state in which a sample begins. Returns whether a voltage lies above its threshold.
  template <class Real>
  bool take_state(const Layout& net, const Numbers<Num>& p, const Sample<Num, Real>& s) {
    bool above = false;
    if (s.from_rest) {
      u.fill(0);
      v.fill(0);
      net.each_neuron([&](int, int at) { above |= p.vth[at] < 0; });
      return above;
    }
    net.each_neuron([&](int i, int at) {
      u[at] = static_cast<Num>(s.u[i]);
      v[at] = static_cast<Num>(s.v[i]);
      above |= v[at] > p.vth[at];
    });
    return above;
  }
  template <class Real>
  void give_state(const Layout& net, Sample<Num, Real>& s) const {
    net.each_neuron([&](int i, int at) {
      s.u[i] = u[at];
      s.v[i] = v[at];
    });
  }
  void make_any(const Layout& net) {
    if (sent.size() > 0) return;
    for (Array<Num>& x : field) x = Array<Num>(net.n_places());
    for (Array<Num>* x : {&leaving, &sent, &factor}) *x = Array<Num>(net.n_places() + BLOCK);
    payload = Array<Num>(static_cast<size_t>(net.n_inputs) + net.n_neurons + BLOCK);
    received = Array<int32_t>(net.n_places());
    held = Array<int32_t>(net.n_places());
    waits_out = Array<Bits>(net.n_blocks + 8);
    imaginary.make(net.n_blocks);
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
