// The part of checker.hpp in networks of any models: one model per layer, payloads that are numbers.
#pragma once
#include "any_neurons.hpp"
#include "tape_writer.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class M, class Real, bool TAPED, bool COUNTED>
class AnyChecker : protected TapeWriter<M, Real, TAPED, COUNTED> {
  using Base = TapeWriter<M, Real, TAPED, COUNTED>;

 protected:
  using Base::net, Base::p, Base::rules, Base::ws, Base::tape, Base::k, Base::place;
  using typename Base::Num, typename Base::Vec;

  uint64_t drop_hash = 0;
  bool output_fired = false;
  bool keep_current = false;  // all states are kept here
  bool keeps_momentum = false;
  bool above = false;
  bool opened = false;    // layered: whether all neurons have leaked already
  Array<Bits> fired_now;  // for traces: neurons that fired in this forward step
  AnyNeurons<Num> neurons;
  const Array<Real>* units = nullptr;  // of the tape: what a unit of the state is in units of the gradient, by place
  const Array<Real>* payload_units = nullptr;

  AnyChecker(const Layout& net, const Numbers<Num>& p, const Rules& rules, Workspace<Num, Num>& ws,
             Tape<Real, typename M::Payload>* tape)
      : Base(net, p, rules, ws, tape), fired_now(net.n_blocks + 8), neurons(net, p, rules, ws) {}

  template <bool OPENING>
  LAVA_INLINE Bits check(int index, int block, Vec arriving, Bits touched) {
    const Bits may = static_cast<Bits>(net.exists[block] & (OPENING ? ALL_BITS : touched));
    if constexpr (TAPED) {
      typename AnyNeurons<Num>::Found found;
      const Bits fires =
          neurons.template check<OPENING, true>(index, block, arriving, may, opened, keeps_momentum, &found);
      const Bits lanes = OPENING && !rules.layered ? static_cast<Bits>(touched | p.may_fire_alone[block]) : ALL_BITS;
      write_check<OPENING>(block, found, fires, static_cast<Bits>(found.free & lanes));
      neurons.count(index, block, fires, drop_hash);
      return fires;
    }
    const Bits fires = neurons.template check<OPENING>(index, block, arriving, may, opened, keeps_momentum);
    neurons.count(index, block, fires, drop_hash);
    return fires;
  }
  // `checked`: the neurons whose check counts for the gradient.
  template <bool OPENING>
  LAVA_INLINE void write_check(int block, const typename AnyNeurons<Num>::Found& found, Bits fires, Bits checked) {
    const size_t i = place(block), entry = tape->at.check++, at = place(static_cast<int>(entry));
    Check& check = tape->check[entry];
    const Mask lanes = mask(checked);
    if (OPENING) {
      check = {fires, checked, checked, checked};
      store(&ws.peak[i], select(lanes, found.momentum, splat(std::numeric_limits<Num>::lowest())));
    } else {
      const auto peak = load(&ws.peak[i]);
      const Mask higher = gt(found.momentum, peak) & lanes;
      check = {fires, bits(ge(found.momentum, peak) & lanes), bits(higher), checked};
      store(&ws.peak[i], select(higher, found.momentum, peak));
    }
    tape->held.reserve(entry + 1);
    tape->held[entry] = found.held;
    const auto unit = load(&(*units)[i]);
    tape->voltage.reserve(at + BLOCK);
    store(&tape->voltage[at], to<Real>(found.excess) * unit);
    if (!tape->keeps) return;
    tape->kept.reserve(at + BLOCK);
    store(&tape->kept[at], to<Real>(found.kept) * unit);
  }
  LAVA_INLINE void emit(int index, int block, Bits fires) {
    fired_now[block] = fires;
    const Layer& l = net.layers[index];
    if (l.outputs) output_fired |= (fires & net.output[block]) != 0;
    if (rules.layered) return;
    if (!net.all_queued) fires &= net.queued[block];
    for (Bits left = fires; left; left &= left - 1) {
      const int at = BLOCK * block + __builtin_ctz(left), neuron = net.neuron_at[at];
      const int source = neuron + net.n_inputs;
      const bool first = ws.waiting[source] == 0;
      // Graded payloads that wait together are one message.
      ws.waiting[source] = neurons.graded(index) ? 1 : ws.waiting[source] + neurons.spikes(index, at);
      ws.payload[source] += neurons.payload(at);
      if (!first) continue;
      ws.emission[source] = k;
      ws.queue.push(neuron, {index, k, keeps_momentum ? static_cast<double>(ws.momentum[at]) : 0.0});
    }
  }
  // Every neuron is looked at as a time step opens: what it held back may be sent now.
  LAVA_INLINE bool skips(int, bool) const { return false; }
  void leak_only(int) {}
  void open_all() {
    for (int l = 0; l < net.n_layers(); l++) {
      for (int b = net.layers[l].block; b < net.layers[l].block + net.layers[l].blocks; b++) {
        neurons.open_and_keep(l, b);
        ws.fired[b] = ws.free[b] = 0;
      }
    }
    opened = true;
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
