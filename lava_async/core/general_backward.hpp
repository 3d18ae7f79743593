// The backward pass of all runs but the usual one: neurons that fire repeatedly, all credit rules, with and without
// peak, both resets, delays, input that waits in the queue, the layered schedule, any models. Semantics, section 6.
//
// Neurons: how those of a network are undone (cuba_backward.hpp, any_backward.hpp). It has
//   undo_check(index, entry, i, counts, got, k)  a check of the neurons at places i .. i + 15, the one at that entry of
//     the tape, given where its slope counts and the derivative by what it sent; writes those by what arrived
//   open_row(row)              the begin of a time step: which neurons are held
//   undo_delivery(index)       the delivery of the group into a layer, given those
//   undo_opening(row)          the opening of a time step
//   arriving(part)             the derivatives by what arrived through a part
//   keep_arriving(index)       writes those by what arrives at a layer, for the step that delivers zero spikes to it
//   later(imaginary)           those
//   input_payload(entry)       of an entry of the batch
#pragma once
#include "sample_backward.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class Neurons, class Real, class P>
class GeneralBackward : public SampleBackward<Real, P> {
  using Base = SampleBackward<Real, P>;

 protected:
  using Base::net, Base::rules, Base::rule, Base::tape, Base::w, Base::g, Base::s, Base::fired, Base::place;
  using Base::sample_, Base::t_, Base::held_, Base::zero_, Base::sent_at, Base::input_at, Base::begins;

  explicit GeneralBackward(const Undone<Real, P>& of)
      : Base(of), emission_(net.n_places()), valid_(net.layers.size() + 1), touched_(net.layers.size() + 1) {}

  void begin_walk(const BackwardSample<Real>& sample, int first_wanted, int n_wanted, const Real* unit) {
    this->begin_sample(sample, first_wanted, n_wanted, unit);
    asking_.clear();
    t_ = sample.n_steps;
    if (t_ > 0) previous_time_step();
  }

 public:
  // As UsualBackward::go.
  int go(Interrupt& interrupt) {
    if (sample_.n_steps == 0) return -1;
    for (;;) {
      if (!asking_.empty()) {
        const int layer = asking_.back();
        asking_.pop_back();
        return layer;
      }
      if (interrupt.raised()) return -1;
      if (step_ > first_step_) {
        undo(--step_);
        continue;
      }
      if (!rules.layered) undo_arrivals();
      self().undo_opening(sample_.place.row + t_);
      if (t_ == 0) return -1;
      previous_time_step();
    }
  }
  // Credit `last`, see share.hpp.
  bool leaves_out(int) const { return false; }
  Real& by_zero_spike(int at) { return zero_[at]; }
  LAVA_INLINE void add_zero_spikes(ptrdiff_t block, Block<Real> got) {
    Real* to = &zero_[static_cast<size_t>(block) * BLOCK];
    store(to, load(to) + got);
  }

 private:
  static constexpr int32_t LATER = INT32_MAX;  // a forward step after all others

  size_t step_ = 0, first_step_ = 0;
  Array<int32_t> emission_;  // by place: forward step of the first emission of what waits
  std::vector<char> valid_,
      touched_;              // by layer: whether a step delivers zero spikes to it; whether this one touched it
  std::vector<int> asking_;  // layers whose zero spikes are to be delivered, the first one last
  std::vector<P> payloads_;

  Neurons& self() { return static_cast<Neurons&>(*this); }

  void previous_time_step() {
    t_--;
    const size_t row = sample_.place.row + t_;
    self().open_row(row);
    s.grad_spike.fill(0);
    emission_.fill(LATER);
    std::fill(valid_.begin(), valid_.end(), 0);
    step_ = tape.row_end[row];
    first_step_ = this->first_step(row);
  }

  void undo(size_t step) {
    if (rules.layered) {
      layered_back(step);
    } else if (tape.step[step].k < 0) {
      note_emissions(step);
    } else {
      step_back(step);
    }
  }
  void note_emissions(size_t step) {
    for (size_t e = begins(step).group; e < tape.step[step].group_end; e++) {
      if (tape.source[e] >= 0) emission_[net.place_of[tape.source[e]]] = tape.emission[e];
    }
  }

  // Undoes the check of a block, at this place of the tape.
  void check_back(int index, int block, size_t entry, int k) {
    const size_t i = place(block);
    const Check& check = tape.check[entry];
    const Bits at_peak = check.at_peak & ~s.passed[block];
    if (rule.credit == ALL || rule.credit == KEEP) zero_spikes(index, block, check, at_peak, k);
    s.passed[block] |= check.above_peak;
    const Bits silent = rules.layered ? ALL_BITS : static_cast<Bits>(~fired[block]);
    const Bits counts = check.checked & (rule.peak ? check.fired | (silent & at_peak) : ALL_BITS);

    const bool by_delivery = rules.layered || rule.credit == DELIVERED;
    const Mask pending = ge(splat(static_cast<int32_t>(k)), load(&emission_[i]));
    const Mask delivered = mask(by_delivery ? ALL_BITS : static_cast<Bits>(check.fired | bits(pending)));
    const auto got = load(sent_at(t_) + i) + select(delivered, load(&s.grad_spike[i]), load(&zero_[i]));
    self().undo_check(index, entry, i, counts, got, k);
    held_[block] &= ~check.fired;
  }

  // Credit `all`, `keep`: what silent checks of a block get from the step that delivers their zero spikes.
  void zero_spikes(int index, int block, const Check& check, Bits at_peak, int k) {
    if (rules.layered) return;
    Bits silent = check.checked & ~check.fired;
    if (rule.peak) silent &= at_peak;
    for (; silent; silent &= silent - 1) {
      const int at = BLOCK * block + __builtin_ctz(silent), row = net.neuron_at[at] - net.layers[index].first;
      if (k >= emission_[at]) continue;
      Real total = 0;
      for (const Part& p : net.parts) {
        if (p.source != index || !valid_[p.target] || p.delay_of(row) > 0) continue;
        total += this->template part_adjoint<false>(p, row, Real(0), this->adjoint(self().later(p.imaginary)));
      }
      zero_[at] = total;
    }
  }

  void layered_back(size_t step) {
    const int index = tape.step[step].k;
    const Layer& l = net.layers[index];
    const size_t check = begins(step).check;
    for (int b = 0; b < l.blocks; b++) check_back(index, l.block + b, check + b, index);
    for (const auto* bundles : {&l.incoming, &l.imaginary}) {
      for (const Bundle& bundle : *bundles) {
        for (int q : bundle.parts) due_back(net.parts[q], bundle.source >= index, true);
      }
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
      if (touched_[index]) self().undo_delivery(index);
    }
    queued_input_adjoint(from.group, now.group_end);
    if (rule.credit != DELIVERED) keep_zero_spikes();
  }

  // What input that waited in the queue gets.
  void queued_input_adjoint(size_t group, size_t group_end) {
    if (!sample_.input) return;
    for (size_t e = group; e < group_end && tape.source[e] < 0; e++) {
      const int c = tape.source[e] + net.n_inputs;
      for (const Part& p : net.parts) {
        if (p.source != INPUT || p.delay_of(c) > 0) continue;
        input_at(t_)[c] += this->template part_adjoint<false>(p, c, Real(0), self().arriving(p));
      }
    }
  }

  void keep_zero_spikes() {
    for (int index = net.n_layers() - 1; index >= 0; index--) {
      if (rule.credit == ALL) valid_[index] = touched_[index];
      if (!touched_[index] || (rule.credit == LAST && valid_[index])) continue;
      valid_[index] = 1;
      self().keep_arriving(index);
      if (rule.credit == LAST) asking_.push_back(index);
    }
  }

  // Undoes what arrived as the time step opened: input, unless it queued, and what was delayed.
  void undo_arrivals() {
    for (const Part& p : net.parts) {
      const bool immediate = p.source == INPUT && rules.input_first;
      if (immediate || p.delays()) due_back(p, 0, immediate);
    }
  }

  // Undoes History::due: what sources sent `lag` time steps ago.
  void due_back(const Part& p, int feedback, bool immediate) {
    const Adjoint<Real> a = self().arriving(p);
    const bool from_input = p.source == INPUT;
    // A source that was silent gets something too: what it sends is a sum of differentiable payloads.
    const bool wanted = !from_input || sample_.input != nullptr;
    const int first = from_input ? 0 : net.layers[p.source].first;
    for (int lag = immediate ? feedback : 1; lag <= std::max(net.longest_delay, feedback) && lag <= t_; lag++) {
      const auto undo = [&](int row, Real x) {
        const int delay = p.delay_of(row);
        if (std::max(delay, feedback) != lag || (delay == 0 && !immediate)) return;
        if (x == 0 && !wanted) return;
        const Real got =
            x == 0 ? this->template part_adjoint<false>(p, row, x, a) : this->template part_adjoint<true>(p, row, x, a);
        if (!from_input) {
          sent_at(t_ - lag)[net.place_of[first + row]] += got;
        } else if (sample_.input) {
          input_at(t_ - lag)[row] += got;
        }
      };
      const int64_t begin = sample_.start[t_ - lag], end = sample_.start[t_ - lag + 1];
      if (!wanted) {
        for (int64_t e = begin; e < end; e++) undo(sample_.channel[e], static_cast<Real>(self().input_payload(e)));
        continue;
      }
      payloads_.assign(p.n_source, 0);
      if (from_input) {
        for (int64_t e = begin; e < end; e++) payloads_[sample_.channel[e]] = self().input_payload(e);
      } else {
        const SpikesOf<P> spikes = tape.spikes[sample_.place.row + t_ - lag].of(net, p.source);
        for (int e = 0; e < spikes.n; e++) payloads_[spikes.row(e)] = spikes.payload_of(e);
      }
      for (int row = 0; row < p.n_source; row++) undo(row, static_cast<Real>(payloads_[row]));
    }
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
