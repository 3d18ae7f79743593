// The neurons of timed execution: as in checker.hpp, but a message touches few of them, and all states are kept.
#pragma once
#include "any_neurons.hpp"
#include "neurons/cuba.hpp"
#include "neurons/loihi.hpp"
#include "run.hpp"
#include "timed_network.hpp"
#include "workspace.hpp"

namespace lava_async {
namespace LAVA_ISA {

// What a neuron emits.
template <class P>
struct Emitted {
  P payload;
  int spikes;
  int firing = 0;  // of this neuron in this time step, from 0
};

// Adds what a payload brings through a piece of synapses.
template <class Num, class P>
LAVA_INLINE void add_piece(const TimedNetwork::Piece& piece, const Num* weight, P payload, Num* sum) {
  if (piece.single) {
    sum[__builtin_ctz(piece.lanes)] += static_cast<Num>(payload) * *weight;
  } else {
    const auto brought = splat(static_cast<Num>(payload)) * load_unaligned(weight);
    store(sum, load(sum) + select(mask(piece.lanes), brought, zero<Num>()));
  }
}

template <class M>
class TimedNeurons {
 protected:
  using Num = typename M::Num;

  using P = typename M::Payload;

  const Layout& net_;
  const Numbers<Num>& p_;
  const Rules& rules_;
  Workspace<Num, P>& ws_;
  std::vector<int32_t> fired_;  // in this forward step

  TimedNeurons(const Layout& net, const Numbers<Num>& p, const Rules& rules, Workspace<Num, P>& ws)
      : net_(net), p_(p), rules_(rules), ws_(ws) {}

  template <class S>
  void take_state(const S& s) {
    ws_.history.begin(net_, s.history, s.history, s.n_history, s.inputs, s.n_inputs_before);
    ws_.take_state(net_, p_, s);
  }
  template <class S>
  void give_state(S& s) const {
    ws_.give_state(net_, s);
  }

  // Everyone leaks.
  void open_all() {
    for (int l = 0; l < net_.n_layers(); l++) {
      for (int b = net_.layers[l].block; b < net_.layers[l].block + net_.layers[l].blocks; b++) {
        const size_t i = static_cast<size_t>(b) * BLOCK;
        auto u = load(&ws_.u[i]), v = load(&ws_.v[i]);
        M::open(p_, p_.layers[l], i, u, v);
        store(&ws_.u[i], u);
        store(&ws_.v[i], v);
        ws_.fired[b] = ws_.free[b] = 0;
      }
    }
  }

  // Input payloads of a time step, and how many spikes one is.
  template <class S>
  P payload_of(const S& s, int64_t entry) const {
    return s.count ? s.count[entry] : 1;
  }
  static int spikes_of_input(P payload) { return payload > 0 ? payload : 1; }

  LAVA_INLINE void add(const TimedNetwork::Piece& piece, P payload) {
    const size_t i = static_cast<size_t>(piece.block) * BLOCK;
    add_piece(piece, &p_.weights[piece.weight], payload, &ws_.arrivals.sum[i]);
    ws_.arrivals.touch(piece.block, piece.lanes);
  }

  // Integrates and checks a block, and lists which neurons fire. look(u, v, fires, held) sees it before the reset.
  template <class Look>
  LAVA_INLINE void check(int block, Bits touched, Look look) {
    const size_t i = static_cast<size_t>(block) * BLOCK;
    const Bits held = static_cast<Bits>(ws_.fired[block] & ~ws_.free[block]);
    auto u = load(&ws_.u[i]), v = load(&ws_.v[i]);
    [[maybe_unused]] const auto u_before = u, v_before = v;
    M::integrate(u, v, ws_.arrivals.take(block), mask(held));
    if constexpr (!M::NOTHING_CHANGES_NOTHING) {
      u = select(mask(touched), u, u_before);
      v = select(mask(touched), v, v_before);
    }
    const Mask over = M::fires(v, load(&p_.vth[i]));
    look(u, v, bits(over), held);
    store(&ws_.u[i], u);
    store(&ws_.v[i], select(over, zero<Num>(), v));
    for (Bits left = bits(over); left; left &= left - 1) fired_.push_back(net_.neuron_at[i + __builtin_ctz(left)]);
    ws_.fired[block] |= bits(over);
  }

  // Counts what a neuron that fired emits, and whether it may fire again.
  Emitted<P> count(int neuron, uint64_t drop_hash) {
    const int at = net_.place_of[neuron], block = at / BLOCK;
    const Bits bit = static_cast<Bits>(1 << at % BLOCK);
    ws_.counts[at]++;
    const double q = rules_.refractory_dropout;
    const bool free = !rules_.refractory || (q > 0 && unit(fold(drop_hash, neuron)) < q);
    ws_.free[block] = static_cast<Bits>(free ? ws_.free[block] | bit : ws_.free[block] & ~bit);
    return {1, 1, ws_.counts[at] - 1};
  }
  template <class S>
  void write(S& s, int row) const {
    for (int i = 0; s.counts && i < net_.n_neurons; i++) {
      s.counts[static_cast<size_t>(row) * net_.n_neurons + i] = ws_.counts[net_.place_of[i]];
    }
    for (int i = 0; i < s.n_wanted; i++) {
      s.wanted[static_cast<size_t>(row) * s.n_wanted + i] = ws_.counts[net_.place_of[s.first_wanted + i]];
    }
  }
  template <class S>
  void write_nothing(S& s, int row) const {
    if (s.counts) std::fill_n(s.counts + static_cast<size_t>(row) * net_.n_neurons, net_.n_neurons, 0);
  }
  bool stuck() const { return false; }

  // Keeps what neurons emitted, for delays.
  void collect() {
    auto& now = ws_.history.current();
    for (int l = 0; l < net_.n_layers(); l++) {
      for (int i = net_.layers[l].first; i < net_.layers[l].first + net_.layers[l].size; i++) {
        if (ws_.counts[net_.place_of[i]] > 0) now.add(i, ws_.counts[net_.place_of[i]]);
      }
      now.close(l, true);
    }
  }
  void record_check(Record<Num>* r, int64_t t, int k) const {
    if (!r || !r->trace) return;
    r->check_t.push_back(t);
    r->check_k.push_back(k);
    for (int i = 0; i < net_.n_neurons; i++) {
      r->u.push_back(ws_.u[net_.place_of[i]]);
      r->v.push_back(ws_.v[net_.place_of[i]]);
    }
    r->fired.insert(r->fired.end(), fired_.begin(), fired_.end());
    r->n_fired.push_back(static_cast<int32_t>(fired_.size()));
  }
};

// The same in networks of any models.
template <class T>
class TimedNeurons<AnyModel<T>> {
 protected:
  using Num = T;
  using P = T;

  const Layout& net_;
  const Numbers<Num>& p_;
  const Rules& rules_;
  Workspace<Num, P>& ws_;
  std::vector<int32_t> fired_;

  TimedNeurons(const Layout& net, const Numbers<Num>& p, const Rules& rules, Workspace<Num, P>& ws)
      : net_(net), p_(p), rules_(rules), ws_(ws), neurons_(net, p, rules, ws) {}

  template <class S>
  void take_state(const S& s) {
    ws_.history.begin(net_, s.history, s.sent_before, s.n_history, s.inputs_before, s.n_inputs_before);
    neurons_.take_state(s.fields, s.held);
  }
  template <class S>
  void give_state(S& s) const {
    neurons_.give_state(s.fields, s.held);
  }
  void open_all() {
    neurons_.open_time_step();
    for (int b = 0; b < net_.n_blocks; b++) {
      neurons_.open_and_keep(net_.layer_of_block[b], b);
      ws_.fired[b] = ws_.free[b] = 0;
    }
  }
  template <class S>
  P payload_of(const S& s, int64_t entry) const {
    return s.payload[entry];
  }
  static int spikes_of_input(P payload) { return spikes_of(payload); }

  LAVA_INLINE void add(const TimedNetwork::Piece& piece, P payload) {
    const size_t i = static_cast<size_t>(piece.block) * BLOCK;
    add_piece(piece, &p_.weights[piece.weight], payload, &ws_.arrivals.sum[i]);
    if (piece.imaginary != TimedNetwork::Piece::NONE) {
      add_piece(piece, &p_.weights[piece.imaginary], payload, &ws_.imaginary.sum[i]);
    }
    ws_.arrivals.touch(piece.block, piece.lanes);
    if (!p_.models.sync) return;
    for (Bits left = piece.lanes; left; left &= left - 1) ws_.received[i + __builtin_ctz(left)]++;
  }
  template <class Look>
  void check(int block, Bits touched, Look) {
    const int index = net_.layer_of_block[block];
    const Bits may = static_cast<Bits>(touched & net_.exists[block]);
    const Bits fires = neurons_.template check<false>(index, block, ws_.arrivals.take(block), may, true, false);
    for (Bits left = fires; left; left &= left - 1) {
      fired_.push_back(net_.neuron_at[BLOCK * block + __builtin_ctz(left)]);
    }
    ws_.fired[block] |= fires;
  }
  Emitted<P> count(int neuron, uint64_t drop_hash) {
    const int at = net_.place_of[neuron], index = net_.layer_of[neuron];
    neurons_.count(index, at / BLOCK, static_cast<Bits>(1 << at % BLOCK), drop_hash);
    return {ws_.leaving[at], neurons_.spikes(index, at)};
  }
  template <class S>
  void write(S& s, int row) const {
    for (int i = 0; i < net_.n_neurons; i++) {
      const size_t to = static_cast<size_t>(row) * net_.n_neurons + i;
      s.counts[to] = ws_.counts[net_.place_of[i]];
      s.sent[to] = ws_.sent[net_.place_of[i]];
    }
  }
  template <class S>
  void write_nothing(S& s, int row) const {
    std::fill_n(s.counts + static_cast<size_t>(row) * net_.n_neurons, net_.n_neurons, 0);
    std::fill_n(s.sent + static_cast<size_t>(row) * net_.n_neurons, net_.n_neurons, Num(0));
  }
  bool stuck() const { return ws_.stuck >= 0; }
  void collect() {
    auto& now = ws_.history.current();
    for (int l = 0; l < net_.n_layers(); l++) {
      for (int i = net_.layers[l].first; i < net_.layers[l].first + net_.layers[l].size; i++) {
        if (ws_.counts[net_.place_of[i]] > 0) now.add(i, ws_.sent[net_.place_of[i]]);
      }
      now.close(l, true);
    }
  }
  void record_check(Record<Num>* r, int64_t t, int k) const {
    if (!r || !r->trace) return;
    r->check_t.push_back(t);
    r->check_k.push_back(k);
    for (int f = 0; f < MOST_FIELDS; f++) {
      for (int i = 0; i < net_.n_neurons; i++) r->fields.push_back(ws_.field[f][net_.place_of[i]]);
    }
    r->fired.insert(r->fired.end(), fired_.begin(), fired_.end());
    r->n_fired.push_back(static_cast<int32_t>(fired_.size()));
  }

 private:
  AnyNeurons<Num> neurons_;
};

}  // namespace LAVA_ISA
}  // namespace lava_async
