// The backward pass of all other runs: neurons that fire repeatedly, all credit rules, with and without peak, both
// resets, delays, input that waits in the queue, the layered schedule. Semantics, section 6.
#pragma once
#include "backward.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class Real>
class GeneralBackward : public AdjointBase<Real> {
  using Base = AdjointBase<Real>;
  using Base::net, Base::rule, Base::tape, Base::w, Base::g, Base::s, Base::fired, Base::place;

 public:
  GeneralBackward(const Layout& net, const Rules& rules, const GradientRules& rule, const Tape<Real>& tape,
                  const Trainable<Real>& w, Gradients<Real>& g)
      : Base(net, rule, tape, w, g),
        rules_(rules),
        zero_(net.n_places()),
        emission_(net.n_places()),
        refractory_(net.n_blocks + 8),
        valid_(net.layers.size() + 1),
        touched_(net.layers.size() + 1) {}

  // Undoes a whole sample, unless interrupted.
  void run(const BackwardSample<Real>& sample, int first_wanted, int n_wanted, Interrupt& interrupt) {
    sample_ = sample;
    counts_.reserve(static_cast<size_t>(sample.n_steps) * net.n_places() + BLOCK);
    counts_.fill(0);
    for (int t = 0; t < sample.n_steps; t++) {
      for (int i = 0; i < n_wanted; i++) {
        counts_at(t)[net.place_of[first_wanted + i]] = sample.derivative[static_cast<size_t>(t) * n_wanted + i];
      }
    }
    s.gu.fill(0);
    s.gv.fill(0);
    for (t_ = sample.n_steps - 1; t_ >= 0; t_--) {
      const size_t row = sample.place.row + t_;
      open_row(row);
      const size_t first = t_ ? tape.row_end[row - 1] : sample.place.step;
      for (size_t step = tape.row_end[row]; step-- > first;) {
        if (interrupt.raised()) return;
        if (rules_.layered) {
          layered_back(step);
        } else if (tape.step[step].k < 0) {
          note_emissions(step);
        } else {
          step_back(step);
        }
      }
      if (!rules_.layered) opening_back();
      this->leak_back(row);
    }
  }

 private:
  static constexpr int32_t LATER = INT32_MAX;  // a forward step after all others

  const Rules& rules_;
  BackwardSample<Real> sample_;
  int t_ = 0;
  Array<Real> counts_;       // (T, places) derivative by spike counts
  Array<Real> zero_;         // what silent checks get from the delivery of their zero spikes
  Array<int32_t> emission_;  // forward step of the first emission of the spike that waits
  Array<Bits> refractory_;
  std::vector<char> valid_,
      touched_;  // by layer: whether a step delivers zero spikes to it; whether this one touched it

  Real* counts_at(int t) { return &counts_[static_cast<size_t>(t) * net.n_places()]; }
  TapePlace begins(size_t step) const {
    if (step == sample_.place.step) return sample_.place;
    const Step& before = tape.step[step - 1];
    return {0, 0, before.group_end, before.check_end, before.touched_end};
  }

  void open_row(size_t row) {
    fired = &tape.fired[row * net.n_blocks];
    s.grad_spike.fill(0);
    zero_.fill(0);
    emission_.fill(LATER);
    for (int b = 0; b < net.n_blocks; b++) {
      refractory_[b] = tape.refractory[row * net.n_blocks + b];
      s.passed[b] = 0;
    }
    std::fill(valid_.begin(), valid_.end(), 0);
  }

  void note_emissions(size_t step) {
    for (size_t e = begins(step).group; e < tape.step[step].group_end; e++) {
      if (tape.source[e] >= 0) emission_[net.place_of[tape.source[e]]] = tape.emission[e];
    }
  }

  // Undoes the check of a block, at this place of the tape, and writes the derivative by what arrived.
  void check_back(int index, int block, size_t check_at, int k) {
    const size_t i = place(block);
    const Check& check = tape.check[check_at];
    const auto voltage = load(&tape.voltage[check_at * BLOCK]);
    const bool layered = rules_.layered;
    const Bits at_peak = check.at_peak & ~s.passed[block];
    if (rule.credit == ALL || rule.credit == KEEP) zero_spikes(index, block, check, at_peak, k);
    s.passed[block] |= check.above_peak;
    const Bits silent = layered ? ALL_BITS : static_cast<Bits>(~fired[block]);
    const Bits counts = check.checked & (rule.peak ? check.fired | (silent & at_peak) : ALL_BITS);
    const Mask fires = mask(check.fired), checked = mask(check.checked);

    const bool by_delivery = layered || rule.credit == DELIVERED;
    const Mask pending = ge(splat(static_cast<int32_t>(k)), load(&emission_[i]));
    const Mask delivered = mask(by_delivery ? ALL_BITS : static_cast<Bits>(check.fired | bits(pending)));
    auto got = load(counts_at(t_) + i) + select(delivered, load(&s.grad_spike[i]), load(&zero_[i]));
    auto gv = load(&s.gv[i]);
    if (rule.differentiated) got = got - select(checked, gv * voltage, zero<Real>());
    const auto slope = select(mask(counts), got * slope_at(w, rule.surrogate, i, voltage), zero<Real>());
    store(&g.vth[i], load(&g.vth[i]) - slope);
    // With layers slayer's gradient ignores a constant reset.
    if (!layered || rule.differentiated) gv = select(fires, zero<Real>(), gv);
    gv = gv + slope;
    store(&s.gv[i], gv);
    // Without a check: refractory; or, as the time step opens, not touched, and then what arrives, nothing, would reach
    // the voltage too.
    const auto reaching = k == 0 ? gv : select(checked, gv, zero<Real>());
    store(&s.arriving[i], load(&s.gu[i]) + reaching);
    refractory_[block] &= ~check.fired;
  }

  // Credit `all`, `keep`: what silent checks of a block get from the step that delivers their zero spikes.
  void zero_spikes(int index, int block, const Check& check, Bits at_peak, int k) {
    if (rules_.layered) return;
    const Adjoint<Real> a = this->adjoint(s.later.get());
    Bits silent = check.checked & ~check.fired;
    if (rule.peak) silent &= at_peak;
    for (; silent; silent &= silent - 1) {
      const int at = BLOCK * block + __builtin_ctz(silent), neuron = net.neuron_at[at];
      if (k >= emission_[at]) continue;
      Real total = 0;
      for (int q : net.layers[index].outgoing) {
        const Part& p = net.parts[q];
        const int row = neuron - net.layers[index].first;
        if (valid_[p.target] && p.delay_of(row) == 0) total += this->template part_adjoint<false>(p, row, Real(0), a);
      }
      zero_[at] = total;
    }
  }

  void layered_back(size_t step) {
    const int index = tape.step[step].k;
    const Layer& l = net.layers[index];
    const size_t check = begins(step).check;
    for (int b = 0; b < l.blocks; b++) check_back(index, l.block + b, check + b, index);
    for (const Bundle& bundle : l.incoming) {
      for (int q : bundle.parts) due_back(net.parts[q], bundle.source >= index, true);
    }
  }

  void step_back(size_t step) {
    const Step& now = tape.step[step];
    const TapePlace from = begins(step);
    size_t check = from.check, touched = from.touched;
    for (int index = 0; index < net.n_layers(); index++) {
      const Layer& l = net.layers[index];
      touched_[index] = tape.touches(step, index);
      if (now.k == 0 || (touched_[index] && !l.scattered)) {
        for (int b = 0; b < l.blocks; b++) check_back(index, l.block + b, check + b, now.k);
        check += l.blocks;
      } else if (touched_[index]) {
        for (; touched < now.touched_end && net.layer_of_block[tape.touched[touched]] == index; touched++) {
          check_back(index, tape.touched[touched], check++, now.k);
        }
      }
    }
    if (now.k == 0) return;
    this->set_group(step, from.group, &tape.payload[from.group]);
    for (size_t e = from.group; e < now.group_end; e++) {
      if (tape.source[e] < 0) continue;
      const int at = net.place_of[tape.source[e]];
      s.grad_spike[at] = 0;
      emission_[at] = tape.emission[e];
    }
    for (int index = 0; index < net.n_layers(); index++) {
      if (touched_[index]) this->deliver_adjoint(index);
    }
    queued_input_adjoint(from.group, now.group_end);
    if (rule.credit != DELIVERED) keep_zero_spikes();
  }

  // What input that waited in the queue gets.
  void queued_input_adjoint(size_t group, size_t group_end) {
    if (!sample_.input) return;
    const Adjoint<Real> a = this->adjoint(s.arriving.get());
    for (size_t e = group; e < group_end && tape.source[e] < 0; e++) {
      const int c = tape.source[e] + net.n_inputs;
      for (const Part& p : net.parts) {
        if (p.source != INPUT || p.delay_of(c) > 0) continue;
        input_at(t_)[c] += this->template part_adjoint<false>(p, c, Real(0), a);
      }
    }
  }

  void keep_zero_spikes() {
    for (int index = 0; index < net.n_layers(); index++) {
      if (rule.credit == ALL) valid_[index] = touched_[index];
      if (!touched_[index] || (rule.credit == LAST && valid_[index])) continue;
      valid_[index] = 1;
      const Layer& l = net.layers[index];
      for (int b = l.block; b < l.block + l.blocks; b++) {
        const size_t i = place(b);
        const auto gv = select(mask(refractory_[b]), zero<Real>(), load(&s.gv[i]));
        store(&s.later[i], load(&s.gu[i]) + gv);
      }
      if (rule.credit == LAST) last_zero_spikes(l);
    }
  }
  void last_zero_spikes(const Layer& l) {
    const Adjoint<Real> a = this->adjoint(s.later.get());
    const auto add = [&](ptrdiff_t block, Block<Real> got) {
      Real* to = &zero_[static_cast<size_t>(block) * BLOCK];
      store(to, load(to) + got);
    };
    for (const Bundle& bundle : l.incoming) {
      if (bundle.source == INPUT) continue;
      for (int q : bundle.parts) {
        const Part& p = net.parts[q];
        if (p.kind == Kind::SPARSE || p.delays()) {
          const int first = net.layers[p.source].first;
          for (int row = 0; row < p.n_source; row++) {
            if (p.delay_of(row) > 0) continue;
            zero_[net.place_of[first + row]] += this->template part_adjoint<false>(p, row, Real(0), a);
          }
        } else if (p.kind == Kind::CONV) {
          conv_transposed(net, p, w.turned.get(), s.later.get(), add);
        } else {
          const Real* later = s.later.get();
          dense_transposed<1>(net, p, w.turned.get(), &later,
                              [&](int, int block, Block<Real> got) { add(block, got); });
        }
      }
    }
  }

  // Undoes what arrived as the time step opened: input, unless it queued, and delayed spikes.
  void opening_back() {
    for (const Part& p : net.parts) {
      const bool immediate = p.source == INPUT && rules_.input_first;
      if (immediate || p.delays()) due_back(p, 0, immediate);
    }
  }

  // Undoes History::due: what sources emitted `lag` time steps ago.
  void due_back(const Part& p, int feedback, bool immediate) {
    const Adjoint<Real> a = this->adjoint(s.arriving.get());
    const bool from_input = p.source == INPUT;
    const int first = from_input ? 0 : net.layers[p.source].first;
    std::vector<int>& payload = payloads_;
    for (int lag = immediate ? feedback : 1; lag <= std::max(net.longest_delay, feedback) && lag <= t_; lag++) {
      const auto is_due = [&](int row) {
        const int delay = p.delay_of(row);
        return std::max(delay, feedback) == lag && (delay > 0 || immediate);
      };
      payload.assign(p.n_source, 0);
      if (from_input) {
        for (int64_t e = sample_.start[t_ - lag]; e < sample_.start[t_ - lag + 1]; e++) {
          payload[sample_.channel[e]] = sample_.count ? sample_.count[e] : 1;
        }
      } else {
        const Spikes spikes = tape.spikes[sample_.place.row + t_ - lag].of(net, p.source);
        for (int e = 0; e < spikes.n; e++) payload[spikes.row(e)] = spikes.payload_of(e);
      }
      for (int row = 0; row < p.n_source; row++) {
        // A source that was silent gets something too: its count is a sum of differentiable spikes.
        const bool wanted = !from_input || sample_.input != nullptr;
        if (!is_due(row) || (payload[row] == 0 && !wanted)) continue;
        const Real x = static_cast<Real>(payload[row]);
        const Real got =
            x == 0 ? this->template part_adjoint<false>(p, row, x, a) : this->template part_adjoint<true>(p, row, x, a);
        if (!from_input) {
          counts_at(t_ - lag)[net.place_of[first + row]] += got;
        } else if (sample_.input) {
          input_at(t_ - lag)[row] += got;
        }
      }
    }
  }
  Real* input_at(int t) const { return sample_.input + static_cast<size_t>(t) * net.n_inputs; }
  std::vector<int> payloads_;
};

}  // namespace LAVA_ISA
}  // namespace lava_async
