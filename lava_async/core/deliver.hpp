// One forward step: spikes walk through the synapses, neurons integrate what arrives, those above threshold emit.
#pragma once
#include "any_checker.hpp"
#include "checker.hpp"
#include "synapses/conv.hpp"
#include "synapses/dense.hpp"
#include "synapses/sparse.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class M, class Real, bool TAPED, bool COUNTED>
using CheckerOf =
    std::conditional_t<M::ANY, AnyChecker<M, Real, TAPED, COUNTED>, Checker<M, Real, TAPED, COUNTED>>;

template <class M, class Real, bool TAPED, bool COUNTED>
class Deliver : protected CheckerOf<M, Real, TAPED, COUNTED> {
  using Base = CheckerOf<M, Real, TAPED, COUNTED>;
  using P = typename M::Payload;
  using Spikes = SpikesOf<P>;

 protected:
  using Base::Base;
  using Base::net, Base::p, Base::rules, Base::ws, Base::tape, Base::k, Base::place;
  using typename Base::Num, typename Base::Vec;

  Spikes input;  // of this time step

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
    if constexpr (TAPED) this->close_step(OPENING ? 0 : group_size_);
  }
  // The same for one layer, all of whose neurons are checked (layered).
  void deliver_and_check_layer(int layer, Tally& tally) {
    if constexpr (TAPED) tape->check.reserve(tape->at.check + net.n_blocks);
    int64_t updates = 0;
    arrive<true>(layer, tally, updates);
    if constexpr (TAPED) this->close_step(0);
  }

  // Takes the group that was selected from the queue; returns the largest payload.
  int take_group(int m) {
    int32_t* group = ws.queue.group.get();
    store_unaligned(group + m, splat(INT32_MAX));
    group_size_ = m;
    int32_t* begin = ws.begin.get();
    const int n_layers = net.n_layers();
    begin[0] = 0;
    for (int l = 0; l < n_layers; l++) {
      int before = 0;
      if (m <= 4 * BLOCK) {
        for (int a = 0; a < m; a += BLOCK) {
          before += __builtin_popcount(bits(gt(splat(ws.first[l + 1]), load(group + a))));
        }
      } else {
        before = static_cast<int>(std::lower_bound(group, group + m, ws.first[l + 1]) - group);
      }
      begin[l + 1] = before;
    }
    begin[n_layers + 1] = m;
    int largest = 1;
    group_is_ones_ = true;
    if constexpr (M::ANY) {
      for (int e = 0; e < m; e++) {
        const int source = group[e] + net.n_inputs;
        ws.delivered[e] = ws.payload[source];
        group_is_ones_ &= ws.delivered[e] == 1;
        ws.payload[source] = 0;
        ws.waiting[source] = 0;
      }
    } else if constexpr (COUNTED) {
      for (int e = 0; e < m; e++) {
        int32_t& waiting = ws.waiting[group[e] + net.n_inputs];
        ws.delivered[e] = waiting;
        group_is_ones_ &= waiting == 1;
        largest = std::max(largest, std::abs(waiting));
        waiting = 0;
      }
    }
    if constexpr (TAPED) this->write_group(group, m);
    return largest;
  }
  // What is delivered through a part: as a time step opens, the input, unless it queues, and delayed spikes; then those
  // of the group; with layers, what its source has emitted.
  template <bool OPENING>
  LAVA_INLINE Spikes spikes_of(const Part& part) {
    if (!OPENING) return group(part.source);
    const bool immediate = part.source == INPUT && rules.input_first;
    if (rules.layered) return ws.history.due(net, part, part.source >= k, true);
    if (part.delays()) return ws.history.due(net, part, 0, immediate);
    return immediate ? input : Spikes{};
  }
  // Those of the group that are of a layer.
  LAVA_INLINE Spikes group(int layer) const {
    const int begin = ws.begin[layer + 1];
    const P* payload = COUNTED && !group_is_ones_ ? ws.delivered.get() + begin : nullptr;
    return {ws.queue.group.get() + begin, payload, ws.begin[layer + 2] - begin,
            layer == INPUT ? -net.n_inputs : ws.first[layer + 1]};
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
        int32_t* at = to + l.first + b * BLOCK;
        __builtin_memcpy(at, &ones, sizeof(int32_t) * static_cast<size_t>(std::min(BLOCK, l.size - b * BLOCK)));
      }
    }
  }

 private:
  int group_size_ = 0;
  bool group_is_ones_ = true;  // whether all its payloads are 1: nothing is multiplied then

  // Lets arrive in a layer what its parts bring, and checks it. Returns whether it was touched.
  template <bool OPENING>
  __attribute__((noinline)) bool arrive(int index, Tally& tally, int64_t& updates) {
    const Layer& l = net.layers[index];
    if (l.scattered) return arrive_scattered<OPENING>(index, tally, updates);
    bool touched = false;
    for (const Bundle& bundle : l.incoming) {
      const Part& part = net.parts[bundle.parts[0]];
      const int n = spikes_of<OPENING>(part).n;
      touched |= n > 0;
      tally.operations += static_cast<int64_t>(n) * part.n_target;
    }
    if (touched) updates = l.size;
    if (OPENING ? this->skips(index, touched) : !touched) {
      if (OPENING) this->leak_only(index);
      return touched;
    }
    const bool everyone = touched || rules.layered;
    if constexpr (M::ANY) receive_dense<OPENING>(index);
    each_tile(l.blocks, [&](auto q_, int b) {
      constexpr int Q = decltype(q_)::value;
      Blocks<Num, Q> sum;
#pragma GCC unroll 8
      for (auto& x : sum) x = zero<Num>();
      if (touched) {
        for (const Bundle& bundle : l.incoming) {
          const Part& part = net.parts[bundle.parts[0]];
          add_rows<Num, Q>(p.weights.get() + part.weights + place(b), part.stride, spikes_of<OPENING>(part), sum);
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
    for (const Bundle& bundle : l.incoming) scatter_bundle<OPENING>(bundle, tally);
    if constexpr (M::ANY) scatter_imaginary<OPENING>(index);
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
    if constexpr (M::ANY) forget_imaginary();
    return touched;
  }

  // What arrives through the imaginary parts of the weights into a layer; it touches what the real parts touch.
  template <bool OPENING>
  void scatter_imaginary(int index) {
    if (net.layers[index].imaginary.empty()) return;
    std::swap(ws.arrivals, ws.imaginary);
    Tally none;
    for (const Bundle& bundle : net.layers[index].imaginary) scatter_bundle<OPENING>(bundle, none);
    std::swap(ws.arrivals, ws.imaginary);
  }
  void forget_imaginary() {
    Arrivals<Num>& a = ws.imaginary;
    for (int e = 0; e < a.n; e++) a.touched[a.blocks[e]] = 0;
    a.n = 0;
  }
  // Counts the synaptic operations that reach each neuron of a layer, if a synchronization threshold asks for them.
  template <bool OPENING>
  void receive_dense(int index) {
    if (!p.models.layers[index].sync) return;
    int32_t n = 0;
    for (const Bundle& bundle : net.layers[index].incoming) n += spikes_of<OPENING>(net.parts[bundle.parts[0]]).n;
    const Layer& l = net.layers[index];
    for (size_t i = place(l.block); i < place(l.block + l.blocks); i++) ws.received[i] += n;
  }
  void receive(const Part& part, int row) {
    const Layer& to = net.layers[part.target];
    if (part.imaginary || !p.models.layers[part.target].sync) return;
    if (part.kind == Kind::DENSE) {
      for (size_t i = place(to.block); i < place(to.block + to.blocks); i++) ws.received[i]++;
    } else if (part.kind == Kind::SPARSE) {
      for (int64_t e = part.start[row]; e < part.start[row + 1]; e++) ws.received[part.reached[e]]++;
    } else {
      const ConvLayout::Walk w = part.there.walk(row);
      for (int r = 0; r < w.rows; r++) {
        for (int b = 0; b < w.blocks; b++) {
          const size_t i = place(static_cast<int>(to.block + w.block + r * w.block_step + b));
          for (Bits left = w.masks[b]; left; left &= left - 1) ws.received[i + __builtin_ctz(left)]++;
        }
      }
    }
  }

  template <bool OPENING>
  LAVA_INLINE void scatter_bundle(const Bundle& bundle, Tally& tally) {
    if (bundle.parts.size() > 1) {
      scatter_merged<OPENING>(bundle, tally);
      return;
    }
    const Part& part = net.parts[bundle.parts[0]];
    const Spikes s = spikes_of<OPENING>(part);
    if (!OPENING && part.delays()) {
      scatter(part, s, tally, [&](int row) { return part.delay[row] == 0; });
    } else {
      scatter(part, s, tally, [](int) { return true; });
    }
  }

  template <class F>
  LAVA_INLINE void scatter(const Part& part, const Spikes& s, Tally& tally, F takes) {
    const Num* w = p.weights.get();
    int64_t walked = 0;
    if constexpr (M::ANY) {
      for (int e = 0; e < s.n; e++) {
        if (takes(s.row(e))) receive(part, s.row(e));
      }
    }
    const auto each = [&](auto one) {
      for (int e = 0; e < s.n; e++) {
        const int row = s.row(e);
        if (takes(row)) walked += one(row, static_cast<Num>(s.payload_of(e)));
      }
    };
    switch (part.kind) {
      case Kind::DENSE:
        each([&](int row, Num x) { return scatter_dense(net, part, w, row, x, ws.arrivals); });
        break;
      case Kind::SPARSE:
        each([&](int row, Num x) { return scatter_sparse(part, w, row, x, ws.arrivals); });
        break;
      case Kind::CONV:
        each([&](int row, Num x) { return scatter_conv(net, part, w, row, x, ws.arrivals); });
        break;
    }
    tally.operations += walked;
  }

  // Several parts between the same layers: spike by spike, so that sums keep the order of the sources.
  template <bool OPENING>
  void scatter_merged(const Bundle& bundle, Tally& tally) {
    struct Due {
      int row, part;
      P payload;
      bool operator<(const Due& b) const { return row != b.row ? row < b.row : part < b.part; }
    };
    std::vector<Due> due;
    for (int q : bundle.parts) {
      const Part& part = net.parts[q];
      const Spikes s = spikes_of<OPENING>(part);
      for (int e = 0; e < s.n; e++) {
        if (OPENING || part.delay_of(s.row(e)) == 0) due.push_back({s.row(e), q, s.payload_of(e)});
      }
    }
    std::sort(due.begin(), due.end());
    for (const Due& d : due) {
      const int32_t id = d.row;
      scatter(net.parts[d.part], Spikes{&id, &d.payload, 1, 0}, tally, [](int) { return true; });
    }
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
