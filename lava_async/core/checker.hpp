// Neurons, a block at a time: they leak, integrate what arrives, and emit above threshold.
#pragma once
#include "neurons/cuba.hpp"
#include "neurons/loihi.hpp"
#include "tape_writer.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class M, class Real, bool TAPED, bool COUNTED>
class Checker : protected TapeWriter<M, Real, TAPED, COUNTED> {
  using Base = TapeWriter<M, Real, TAPED, COUNTED>;

 protected:
  using Base::net, Base::p, Base::rules, Base::ws, Base::tape, Base::k, Base::place;
  using typename Base::Num, typename Base::Vec;

  uint64_t drop_hash = 0;
  bool output_fired = false;
  bool keep_current = false;  // whether currents are kept even where nothing reads them
  bool keeps_momentum = false;
  bool above = false;     // whether a voltage may lie above its threshold: in a state that was given
  bool opened = false;    // layered: whether all neurons have leaked already
  Array<Bits> fired_now;  // for traces: neurons that fired in this forward step

  Checker(const Layout& net, const Numbers<Num>& p, const Rules& rules, Workspace<Num>& ws,
          Tape<Real, typename M::Payload>* tape)
      : Base(net, p, rules, ws, tape), fired_now(net.n_blocks + 8) {}

  // Integrates and checks a block. `touched`: the lanes that count as checked for the gradient. Returns which fire.
  template <bool OPENING>
  LAVA_INLINE Bits check(int index, int block, Vec arriving, Bits touched) {
    const LayerNumbers<Num>& x = p.layers[index];
    const size_t i = place(block);
    const Bits held = OPENING   ? Bits(0)
                      : COUNTED ? static_cast<Bits>(ws.fired[block] & ~ws.free[block])
                                : ws.fired[block];
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
    if constexpr (TAPED) {
      if (OPENING) this->write_offset(block, u, v);
      this->template write_check<OPENING>(block, v, fires, held, touched);
    }
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
  LAVA_INLINE void emit(int index, int block, Bits fires) {
    fired_now[block] = fires;
    const Layer& l = net.layers[index];
    if (l.outputs) output_fired |= (fires & net.output[block]) != 0;
    if (rules.layered) return;
    if (!net.all_queued) fires &= net.queued[block];
    Queue& queue = ws.queue;
#if defined(LAVA_AVX512)
    if (!COUNTED && queue.is_plain()) {  // without a branch: which fire cannot be predicted
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

  LAVA_INLINE void open_block(int index, int block, Vec& u, Vec& v) const {
    u = p.layers[index].current ? load(&ws.u[place(block)]) : zero<Num>();
    v = load(&ws.v[place(block)]);
    M::open(p, p.layers[index], place(block), u, v);
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
        if constexpr (COUNTED) this->write_voltage(v);
        this->write_offset(b, u, v);
        tape->check[tape->at.check++] = {0, 0, 0, 0};
        store(&ws.peak[place(b)], splat(std::numeric_limits<Num>::lowest()));
      }
    }
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
};

}  // namespace LAVA_ISA
}  // namespace lava_async
