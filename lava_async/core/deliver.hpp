// One forward step: spikes walk through the synapses, neurons integrate what arrives, those above threshold emit.
#pragma once
#include "scatter.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class M, class Real, bool TAPED, bool COUNTED>
class Deliver : protected Scatter<M, Real, TAPED, COUNTED> {
  using Base = Scatter<M, Real, TAPED, COUNTED>;
  using P = typename M::Payload;

 protected:
  using Base::Base;
  using Base::net, Base::p, Base::rules, Base::ws, Base::tape, Base::place;
  using typename Base::Num;

  // Delivers into all layers, then checks; OPENING: everyone leaks before and is checked.
  template <bool OPENING>
  LAVA_INLINE void deliver_and_check(Tally& tally) {
    if constexpr (TAPED) tape->check.reserve(tape->at.check + net.n_blocks);
    if constexpr (TAPED) this->touched_layers.clear();
    for (int l = 0; l < net.n_layers(); l++) {
      int64_t updates = 0;
      const bool touched = arrive<OPENING>(l, tally, updates);
      if (TAPED && touched) this->touched_layers.add(l);
      tally.updates += updates;
    }
    if constexpr (TAPED) this->close_step(OPENING ? 0 : this->group_size());
  }
  // The same for one layer, all of whose neurons are checked (layered).
  void deliver_and_check_layer(int layer, Tally& tally) {
    if constexpr (TAPED) tape->check.reserve(tape->at.check + net.n_blocks);
    int64_t updates = 0;
    arrive<true>(layer, tally, updates);
    if constexpr (TAPED) this->close_step(0);
  }

  // Appends the spikes that a layer has emitted in this time step.
  void collect(int layer, SpikeRowOf<P>& to) const {
    const Layer& l = net.layers[layer];
    for (int b = l.block; b < l.block + l.blocks; b++) {
      for (Bits left = ws.fired[b]; left; left &= left - 1) {
        const int at = BLOCK * b + __builtin_ctz(left);
        if constexpr (M::ANY) {
          to.add(net.neuron_at[at], ws.sent[at]);
        } else {
          to.add(net.neuron_at[at], count_at(at));
        }
      }
    }
    to.close(layer, l.channels == 0);
  }

  int count_at(int at) const { return COUNTED ? ws.counts[at] : ws.fired[at / BLOCK] >> at % BLOCK & 1; }
  void write_counts(int32_t* to) const {
    if constexpr (COUNTED) {
      for (int i = 0; i < net.n_neurons; i++) to[i] = ws.counts[net.place_of[i]];
      return;
    }
    for (const Layer& l : net.layers) {
      if (l.channels) {
        std::memset(to + l.first, 0, sizeof(int32_t) * static_cast<size_t>(l.size));
        for (int b = l.block; b < l.block + l.blocks; b++) {
          for (Bits left = ws.fired[b]; left; left &= left - 1) to[net.neuron_at[b * BLOCK + __builtin_ctz(left)]] = 1;
        }
        continue;
      }
      for (int b = 0; b < l.blocks; b++) {
        const auto ones = LAVA_ISA::select(mask(ws.fired[l.block + b]), splat(1), zero<int32_t>());
        const int first = l.first + b * BLOCK, left = net.n_neurons - first;
        if (left >= BLOCK) {
          store_unaligned(to + first, ones);  // what lies behind the layer belongs to the next one, which follows
        } else {
          __builtin_memcpy(to + first, &ones, sizeof(int32_t) * static_cast<size_t>(left));
        }
      }
    }
  }

 private:
  // Lets arrive in a layer what its parts bring, and checks it. Returns whether it was touched.
  template <bool OPENING>
  __attribute__((noinline)) bool arrive(int index, Tally& tally, int64_t& updates) {
    const Layer& l = net.layers[index];
    if (l.scattered) return arrive_scattered<OPENING>(index, tally, updates);
    bool touched = false;
    for (const Bundle& bundle : l.incoming) {
      const Part& part = net.parts[bundle.parts[0]];
      const int n = this->template spikes_of<OPENING>(part).n;
      touched |= n > 0;
      tally.operations += static_cast<int64_t>(n) * part.n_target;
    }
    if (touched) updates = l.size;
    if (OPENING ? this->skips(index, touched) : !touched) {
      if (OPENING) this->leak_only(index);
      return touched;
    }
    const bool everyone = touched || rules.layered;
    if constexpr (M::ANY) this->template receive_dense<OPENING>(index);
    each_tile(l.blocks, [&](auto q_, int b) {
      constexpr int Q = decltype(q_)::value;
      Blocks<Num, Q> sum;
#pragma GCC unroll 8
      for (auto& x : sum) x = zero<Num>();
      if (touched) {
        for (const Bundle& bundle : l.incoming) {
          const Part& part = net.parts[bundle.parts[0]];
          add_rows<Num, Q>(p.weights.get() + part.weights + place(b), part.stride,
                           this->template spikes_of<OPENING>(part), sum);
        }
      }
#pragma GCC unroll 1
      for (int q = 0; q < Q; q++) {  // once in code: it is long
        const int block = l.block + b + q;
        this->emit(index, block, this->template check<OPENING>(index, block, sum[q], everyone ? ALL_BITS : Bits(0)));
      }
    });
    return touched;
  }

  // The same through memory; of layers that are not all checked, touched blocks are.
  template <bool OPENING>
  bool arrive_scattered(int index, Tally& tally, int64_t& updates) {
    const Layer& l = net.layers[index];
    for (const Bundle& bundle : l.incoming) this->template scatter_bundle<OPENING>(bundle, tally);
    if constexpr (M::ANY) this->template scatter_imaginary<OPENING>(index);
    Arrivals<Num>& a = ws.arrivals;
    const bool touched = a.n > 0;
    for (int e = 0; e < a.n; e++) updates += __builtin_popcount(a.touched[a.blocks[e]]);
    if (OPENING) {
      if (this->skips(index, touched)) {
        this->leak_only(index);
        return touched;
      }
      for (int b = l.block; b < l.block + l.blocks; b++) {
        const Bits lanes = rules.layered ? ALL_BITS : a.touched[b];
        this->emit(index, b, this->template check<true>(index, b, a.take(b), lanes));
        a.touched[b] = 0;
      }
    } else {
      if constexpr (TAPED) {
        tape->touched.reserve(tape->at.touched + a.n + 1);
        std::copy(a.blocks.get(), a.blocks.get() + a.n, &tape->touched[tape->at.touched]);
        tape->at.touched += a.n;
      }
      for (int e = 0; e < a.n; e++) {
        const int b = a.blocks[e];
        this->emit(index, b, this->template check<false>(index, b, a.take(b), a.touched[b]));
        a.touched[b] = 0;
      }
    }
    a.n = 0;
    if constexpr (M::ANY) this->forget_imaginary();
    return touched;
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
