// What a forward pass knows while it runs, and what it writes to the tape.
#pragma once
#include "run.hpp"
#include "tape.hpp"
#include "workspace.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class M, class Real, bool TAPED, bool COUNTED>
class TapeWriter {
 protected:
  using Num = typename M::Num;
  using Vec = Block<Num>;

  const Layout& net;
  const Numbers<Num>& p;
  const Rules& rules;
  Workspace<Num, typename M::Payload>& ws;
  Tape<Real, typename M::Payload>* tape;
  int k = 0;                // forward step
  LayerSet touched_layers;  // in this forward step

  TapeWriter(const Layout& net, const Numbers<Num>& p, const Rules& rules, Workspace<Num, typename M::Payload>& ws,
             Tape<Real, typename M::Payload>* tape)
      : net(net), p(p), rules(rules), ws(ws), tape(tape), touched_layers(net) {}

  static size_t place(int block) { return static_cast<size_t>(block) * BLOCK; }

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
  // What the voltage of a neuron that never fired would be beyond its current: it is the same all the time step.
  LAVA_INLINE void write_offset(int block, Vec u, Vec v) {
    if (tape->premature) store(&ws.offset[place(block)], v - u);
  }
  // Semantics 6, premature spikes: which neurons fired though all that reached them in this time step would not lift
  // them above their thresholds.
  template <class S>
  void write_premature(S& s, int row) const {
    for (int i = 0; s.premature && i < s.n_wanted; i++) {
      const int at = net.place_of[s.first_wanted + i];
      const bool fired = ws.fired[at / BLOCK] >> at % BLOCK & 1;
      s.premature[static_cast<size_t>(row) * s.n_wanted + i] = fired && !(ws.offset[at] + ws.u[at] > p.vth[at]);
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
  void write_member(int source, typename M::Payload payload, int emission) {
    tape->source.reserve(tape->at.group + BLOCK + 1);
    tape->payload.reserve(tape->at.group + BLOCK + 1);
    tape->emission.reserve(tape->at.group + BLOCK + 1);
    tape->source[tape->at.group] = source;
    tape->payload[tape->at.group] = payload;
    tape->emission[tape->at.group++] = emission;
  }
  // States before a time step opens, if decays get a gradient.
  void write_states() {
    if (!tape->states) return;
    const size_t at = tape->at.row * net.n_places();
    for (size_t i = 0; i < net.n_places(); i++) {
      tape->open_u[at + i] = static_cast<Real>(ws.u[i]) * static_cast<Real>(tape->unit);
      tape->open_v[at + i] = static_cast<Real>(ws.v[i]) * static_cast<Real>(tape->unit);
    }
  }
  LAVA_INLINE void close_step(int m) {
    TapePlace& at = tape->at;
    at.group += m;
    const size_t width = net.layers.size() + 2;
    tape->step.reserve(at.step + 1);
    tape->begin.reserve((at.step + 1) * width);
    if (m > 0) std::copy(ws.begin.get(), ws.begin.get() + width, &tape->begin[at.step * width]);
    if ((at.group | at.check | at.touched) > UINT32_MAX) throw std::bad_alloc();
    if (tape->n_more > 0) {
      const auto& more = touched_layers.more;
      tape->more_layers.reserve((at.step + 1) * more.size());
      std::copy(more.begin(), more.end(), &tape->more_layers[at.step * more.size()]);
    }
    tape->step[at.step++] = {k, static_cast<uint32_t>(at.group), static_cast<uint32_t>(at.check),
                             static_cast<uint32_t>(at.touched), touched_layers.first};
  }

  // What the tape keeps of a time step, at its end.
  template <class Row>
  void close_row(Row* emitted) {
    const size_t row = tape->at.row++;
    tape->row_end[row] = tape->at.step;
    Bits* fired = &tape->fired[row * net.n_blocks];
    std::memcpy(fired, ws.fired.get(), net.n_blocks * sizeof(Bits));
    for (int b = 0; b < net.n_blocks; b++) {
      tape->refractory[row * net.n_blocks + b] =
          rules.refractory ? static_cast<Bits>(fired[b] & (COUNTED ? ~ws.free[b] : 0xffff)) : Bits(0);
      if constexpr (M::ANY) {
        tape->waits_out[row * net.n_blocks + b] = ws.waits_out[b];
      } else {
        const auto peak = to<Real>(load(&ws.peak[place(b)]));
        store(&tape->peak[row * net.n_places() + place(b)], peak * splat(static_cast<Real>(tape->unit)));
      }
    }
    if (tape->keeps_spikes) {
      auto& kept = tape->spikes[row];
      kept.open(net.n_layers());
      for (int l = INPUT; l < net.n_layers(); l++) {
        const auto s = emitted->of(net, l);
        for (int e = 0; e < s.n; e++) kept.add(s.id[e], s.payload[e]);
        kept.close(l, true);
      }
    }
  }
  // What was pending when the time step ended, as a forward step of its own.
  void write_dropped() {
    ws.queue.each([&](int source) {
      const int at = source + net.n_inputs;
      if constexpr (M::ANY) {
        write_member(source, ws.payload[at], ws.emission[at]);
      } else {
        write_member(source, ws.waiting[at], ws.emission[at]);
      }
    });
    const int now = k;
    k = -1;
    close_step(0);
    k = now;
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
