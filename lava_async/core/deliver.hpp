// One forward step: spikes walk through the synapses, neurons integrate what arrives, those above threshold emit.
#pragma once
#include "neurons/cuba.hpp"
#include "neurons/loihi.hpp"
#include "run.hpp"
#include "synapses/conv.hpp"
#include "synapses/dense.hpp"
#include "synapses/sparse.hpp"
#include "tape.hpp"
#include "workspace.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class M, class Real, bool TAPED, bool COUNTED>
class Deliver {
 protected:
  using Num = typename M::Num;
  using Vec = Block<Num>;

  const Layout& net;
  const Numbers<Num>& p;
  const Rules& rules;
  Workspace<Num>& ws;
  Tape<Real>* tape;
  int k = 0;
  uint64_t drop_hash = 0;
  bool output_fired = false;
  Spikes input;  // of this time step
  bool keep_current = false;   // whether currents are kept even where nothing reads them
  bool keeps_momentum = false;
  bool above = false;          // whether a voltage may lie above its threshold: in a state that was given
  bool opened = false;         // layered: whether all neurons have leaked already
  Array<Bits> fired_now;       // for traces: who fired in this forward step

  Deliver(const Layout& net, const Numbers<Num>& p, const Rules& rules, Workspace<Num>& ws, Tape<Real>* tape)
      : net(net), p(p), rules(rules), ws(ws), tape(tape), fired_now(net.n_blocks + 8) {}

  // Delivers into all layers, then checks; OPENING: everyone leaks before and is checked.
  template <bool OPENING>
  LAVA_INLINE void deliver_and_check(Tally& tally) {
    if constexpr (TAPED) tape->check.reserve(tape->at.check + net.n_blocks);
    uint64_t layers = 0;
    for (int l = 0; l < net.n_layers(); l++) {
      int64_t updates = 0;
      layers |= static_cast<uint64_t>(arrive<OPENING>(l, tally, updates)) << (l & 63);
      tally.updates += updates;
    }
    if constexpr (TAPED) close_step(layers, OPENING ? 0 : group_size_);
  }
  // The same for one layer, all of whose neurons are checked (layered).
  void deliver_and_check_layer(int layer, Tally& tally) {
    if constexpr (TAPED) tape->check.reserve(tape->at.check + net.n_blocks);
    int64_t updates = 0;
    arrive<true>(layer, tally, updates);
    if constexpr (TAPED) close_step(1ull << (layer & 63), 0);
  }

  // Lets all neurons leak, before traces that show them all.
  void open_all() {
    for (int l = 0; l < net.n_layers(); l++) {
      for (int b = net.layers[l].block; b < net.layers[l].block + net.layers[l].blocks; b++) {
        Vec u, v;
        open_block(l, b, u, v);
        store(&ws.u[place(b)], u);
        store(&ws.v[place(b)], v);
        ws.fired[b] = ws.free[b] = 0;
      }
    }
    opened = true;
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
    if constexpr (COUNTED) {
      for (int e = 0; e < m; e++) {
        int32_t& waiting = ws.waiting[group[e] + net.n_inputs];
        ws.delivered[e] = waiting;
        largest = std::max(largest, waiting);
        waiting = 0;
      }
    }
    if constexpr (TAPED) write_group(group, m);
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
    return {ws.queue.group.get() + begin, COUNTED ? ws.delivered.get() + begin : nullptr, ws.begin[layer + 2] - begin,
            layer == INPUT ? -net.n_inputs : ws.first[layer + 1]};
  }

  // Appends the spikes that a layer has emitted in this time step.
  void collect(int layer, SpikeRow& to) const {
    const Layer& l = net.layers[layer];
    for (int b = l.block; b < l.block + l.blocks; b++) {
      for (Bits left = ws.fired[b]; left; left &= left - 1) {
        const int at = BLOCK * b + __builtin_ctz(left);
        to.add(net.neuron_at[at], count_at(at));
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

  // What the tape keeps of a time step, at its end.
  void close_row(SpikeRow* emitted) {
    const size_t row = tape->at.row++;
    tape->row_end[row] = tape->at.step;
    Bits* fired = &tape->fired[row * net.n_blocks];
    std::memcpy(fired, ws.fired.get(), net.n_blocks * sizeof(Bits));
    for (int b = 0; b < net.n_blocks; b++) {
      tape->refractory[row * net.n_blocks + b] =
          rules.refractory ? static_cast<Bits>(fired[b] & (COUNTED ? ~ws.free[b] : 0xffff)) : Bits(0);
      const auto peak = to<Real>(load(&ws.peak[place(b)]));
      store(&tape->peak[row * net.n_places() + place(b)], peak * splat(static_cast<Real>(tape->unit)));
    }
    if (tape->keeps_spikes) {
      SpikeRow& kept = tape->spikes[row];
      kept.open(net.n_layers());
      for (int l = INPUT; l < net.n_layers(); l++) {
        const Spikes s = emitted->of(net, l);
        for (int e = 0; e < s.n; e++) kept.add(s.id[e], s.payload[e]);
        kept.close(l, true);
      }
    }
  }
  // What was pending when the time step ended, as a forward step of its own.
  void write_dropped() {
    ws.queue.each([&](int source) { write_member(source, ws.waiting[source + net.n_inputs]); });
    const int now = k;
    k = -1;
    close_step(0, 0);
    k = now;
  }

 private:
  int group_size_ = 0;

  static size_t place(int block) { return static_cast<size_t>(block) * BLOCK; }

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
    if (OPENING ? skips(index, touched) : !touched) {
      if (OPENING) leak_only(index);
      return touched;
    }
    const bool everyone = touched || rules.layered;
    each_tile(l.blocks, [&](auto q_, int b) {
      constexpr int Q = decltype(q_)::value;
      Blocks<Num, Q> sum;
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
        emit(index, block, check<OPENING>(index, block, sum[q], everyone ? ALL_BITS : Bits(0)));
      }
    });
    return touched;
  }

  // The same through memory; of layers that are not all checked, touched blocks are.
  template <bool OPENING>
  bool arrive_scattered(int index, Tally& tally, int64_t& updates) {
    const Layer& l = net.layers[index];
    for (const Bundle& bundle : l.incoming) {
      if (bundle.parts.size() > 1) {
        scatter_merged<OPENING>(bundle, tally);
        continue;
      }
      const Part& part = net.parts[bundle.parts[0]];
      const Spikes s = spikes_of<OPENING>(part);
      if (!OPENING && part.delays()) {
        scatter(part, s, tally, [&](int row) { return part.delay[row] == 0; });
      } else {
        scatter(part, s, tally, [](int) { return true; });
      }
    }
    Arrivals<Num>& a = ws.arrivals;
    const bool touched = a.n > 0;
    for (int e = 0; e < a.n; e++) updates += __builtin_popcount(a.touched[a.blocks[e]]);
    if (OPENING) {
      if (skips(index, touched)) {
        leak_only(index);
        return touched;
      }
      for (int b = l.block; b < l.block + l.blocks; b++) {
        const Bits lanes = rules.layered ? ALL_BITS : a.touched[b];
        emit(index, b, check<true>(index, b, a.take(b), lanes));
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
        emit(index, b, check<false>(index, b, a.take(b), a.touched[b]));
        a.touched[b] = 0;
      }
    }
    a.n = 0;
    return touched;
  }

  template <class F>
  LAVA_INLINE void scatter(const Part& part, const Spikes& s, Tally& tally, F takes) {
    const Num* w = p.weights.get();
    int64_t walked = 0;
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
      int row, part, payload;
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
      const int32_t id = d.row, payload = d.payload;
      scatter(net.parts[d.part], Spikes{&id, &payload, 1, 0}, tally, [](int) { return true; });
    }
  }

  // Without input, current and bias no voltage comes above its threshold: nothing is to be checked.
  LAVA_INLINE bool skips(int index, bool touched) const {
    const LayerNumbers<Num>& x = p.layers[index];
    return !touched && !x.current && !x.bias && !above && !opened && !(TAPED && rules.layered);
  }
  void leak_only(int index) {
    const Layer& l = net.layers[index];
    for (int b = l.block; b < l.block + l.blocks; b++) {
      Vec u, v;
      open_block(index, b, u, v);
      store(&ws.u[place(b)], u);
      store(&ws.v[place(b)], v);
      ws.fired[b] = 0;
      if (COUNTED) ws.free[b] = 0;
      if constexpr (TAPED) {
        if constexpr (COUNTED) write_voltage(v);
        tape->check[tape->at.check++] = {0, 0, 0, 0};
        store(&ws.peak[place(b)], splat(std::numeric_limits<Num>::lowest()));
      }
    }
  }
  LAVA_INLINE void open_block(int index, int block, Vec& u, Vec& v) const {
    u = p.layers[index].current ? load(&ws.u[place(block)]) : zero<Num>();
    v = load(&ws.v[place(block)]);
    M::open(p, p.layers[index], place(block), u, v);
  }

  // Integrates and checks a block. `touched`: the lanes that count as checked for the gradient. Returns who fires.
  template <bool OPENING>
  LAVA_INLINE Bits check(int index, int block, Vec arriving, Bits touched) {
    const LayerNumbers<Num>& x = p.layers[index];
    const size_t i = place(block);
    const Bits held = OPENING ? Bits(0) : COUNTED ? static_cast<Bits>(ws.fired[block] & ~ws.free[block]) : ws.fired[block];
    const bool current = M::CURRENT_MATTERS || x.current || keep_current;
    Vec u = zero<Num>(), v;
    if (OPENING && !opened) {
      open_block(index, block, u, v);
    } else {
      if (current) u = load(&ws.u[i]);
      v = load(&ws.v[i]);
    }
    [[maybe_unused]] const Vec u_before = u, v_before = v;
    M::integrate(u, v, arriving, mask(held));
    if constexpr (!M::NOTHING_CHANGES_NOTHING && !OPENING) {
      u = select(mask(touched), u, u_before);
      v = select(mask(touched), v, v_before);
    }
    const Mask over = M::fires(v, x.one_threshold ? splat(x.threshold) : load(&p.vth[i]));
    const Bits fires = bits(over);
    if constexpr (TAPED) write_check<OPENING>(block, v, fires, held, touched);
    if (keeps_momentum) store(&ws.momentum[i], v);
    if (current) store(&ws.u[i], u);
    store(&ws.v[i], select(over, zero<Num>(), v));
    if (OPENING) {
      ws.fired[block] = fires;
      if (COUNTED) ws.free[block] = 0;
    } else {
      ws.fired[block] |= fires;
    }
    if constexpr (COUNTED) set_free(block, fires);
    return fires;
  }

  // Semantics 3.4: which of those that fire may fire again in this time step; and their spike counts.
  LAVA_INLINE void set_free(int block, Bits fires) {
    for (Bits left = fires; left; left &= left - 1) {
      const int at = BLOCK * block + __builtin_ctz(left);
      const Bits bit = static_cast<Bits>(1 << at % BLOCK);
      ws.counts[at]++;
      const double q = rules.refractory_dropout;
      const bool free = !rules.refractory || (q > 0 && unit(fold(drop_hash, net.neuron_at[at])) < q);
      ws.free[block] = static_cast<Bits>(free ? ws.free[block] | bit : ws.free[block] & ~bit);
    }
  }

  LAVA_INLINE void emit(int index, int block, Bits fires) {
    fired_now[block] = fires;
    const Layer& l = net.layers[index];
    if (l.outputs) output_fired |= (fires & net.output[block]) != 0;
    if (rules.layered) return;
    if (!net.all_queued) fires &= net.queued[block];
    Queue& queue = ws.queue;
#if defined(LAVA_AVX512)
    if (!COUNTED && queue.is_plain()) {  // without a branch: who fires cannot be predicted
      const auto neurons = load(&net.phases[net.phase[block]]) + splat(net.first_neuron[block]);
      queue.n += compress(&queue.pending[queue.n], neurons, fires);
      return;
    }
#endif
    for (Bits left = fires; left; left &= left - 1) {
      const int at = BLOCK * block + __builtin_ctz(left), neuron = net.neuron_at[at];
      if (COUNTED) {
        if (ws.waiting[neuron + net.n_inputs]++) continue;
        ws.emission[neuron + net.n_inputs] = k;
      }
      queue.push(neuron, {index, k, keeps_momentum ? static_cast<double>(ws.momentum[at]) : 0.0});
    }
  }

  template <bool OPENING>
  LAVA_INLINE void write_check(int block, Vec v, Bits fires, Bits held, Bits touched) {
    const size_t i = place(block);
    if constexpr (COUNTED) write_voltage(v);
    Check& check = tape->check[tape->at.check++];
    if (OPENING) {
      const Bits lanes = touched | p.may_fire_alone[block];
      check.checked = check.at_peak = check.above_peak = lanes;
      check.fired = fires & lanes;
      store(&ws.peak[i], select(mask(lanes), v, splat(std::numeric_limits<Num>::lowest())));
    } else {
      const Mask checked = mask(static_cast<Bits>(touched & ~held));
      const auto peak = load(&ws.peak[i]);
      const Mask higher = gt(v, peak) & checked;
      check.checked = static_cast<Bits>(touched & ~held);
      check.at_peak = bits(ge(v, peak) & checked);
      check.above_peak = bits(higher);
      check.fired = fires;
      store_where(&ws.peak[i], higher, v);
    }
  }
  LAVA_INLINE void write_voltage(Vec v) {
    const size_t at = place(static_cast<int>(tape->at.check));
    tape->voltage.reserve(at + BLOCK);
    store(&tape->voltage[at], to<Real>(v) * splat(static_cast<Real>(tape->unit)));
  }
  void write_group(const int32_t* group, int m) {
    tape->source.reserve(tape->at.group + m + BLOCK);
    std::copy(group, group + m, &tape->source[tape->at.group]);
    if constexpr (COUNTED) {
      tape->payload.reserve(tape->at.group + m + BLOCK);
      tape->emission.reserve(tape->at.group + m + BLOCK);
      for (int e = 0; e < m; e++) {
        tape->payload[tape->at.group + e] = ws.delivered[e];
        tape->emission[tape->at.group + e] = ws.emission[group[e] + net.n_inputs];
      }
    }
  }
  void write_member(int source, int payload) {
    tape->source.reserve(tape->at.group + BLOCK + 1);
    tape->payload.reserve(tape->at.group + BLOCK + 1);
    tape->emission.reserve(tape->at.group + BLOCK + 1);
    tape->source[tape->at.group] = source;
    tape->payload[tape->at.group] = payload;
    tape->emission[tape->at.group++] = ws.emission[source + net.n_inputs];
  }
  LAVA_INLINE void close_step(uint64_t layers, int m) {
    TapePlace& at = tape->at;
    at.group += m;
    const size_t width = net.layers.size() + 2;
    tape->step.reserve(at.step + 1);
    tape->begin.reserve((at.step + 1) * width);
    if (m > 0) std::copy(ws.begin.get(), ws.begin.get() + width, &tape->begin[at.step * width]);
    if ((at.group | at.check | at.touched) > UINT32_MAX) throw std::bad_alloc();
    tape->step[at.step++] = {k, static_cast<uint32_t>(at.group), static_cast<uint32_t>(at.check),
                             static_cast<uint32_t>(at.touched), layers};
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
