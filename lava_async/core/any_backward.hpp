// The backward pass of networks of any models: semantics, sections 6 and 8.5. As general_backward.hpp, with the
// derivatives of each model from its header, payloads that are numbers, and weights with imaginary parts.
#pragma once
#include "backward.hpp"
#include "neurons/models.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class Num, class Real>
class AnyBackward : public AdjointBase<Real, Num> {
  using Base = AdjointBase<Real, Num>;
  using Base::net, Base::rule, Base::tape, Base::w, Base::g, Base::s, Base::fired, Base::place;

 public:
  // `input`: the payloads of the entries of the batch.
  AnyBackward(const Layout& net, const Rules& rules, const GradientRules& rule, const Tape<Real, Num>& tape,
              const Trainable<Real>& w, const ModelNumbers<Num>& models, const Num* input, Gradients<Real>& g)
      : Base(net, rule, tape, w, g),
        rules_(rules),
        models_(models),
        input_(input),
        reset_(rule.differentiated ? Reset::DIFFERENTIATED : rules.layered ? Reset::PASSES : Reset::CONSTANT),
        zero_(net.n_places()),
        imaginary_(net.n_places()),
        later_imaginary_(net.n_places()),
        emission_(net.n_places()),
        held_(net.n_blocks + 8),
        valid_(net.layers.size() + 1),
        touched_(net.layers.size() + 1) {
    for (Array<Real>& x : field_) x = Array<Real>(net.n_places());
  }

  // Undoes a whole sample, unless interrupted. `factor`: what messages were multiplied by in it, (N,), or nullptr.
  void run(const BackwardSample<Real>& sample, const Num* factor, int first_wanted, int n_wanted,
           Interrupt& interrupt) {
    sample_ = sample;
    take_factors(factor);
    sent_.reserve(static_cast<size_t>(sample.n_steps) * net.n_places() + BLOCK);
    sent_.fill(0);
    for (int t = 0; t < sample.n_steps; t++) {
      for (int i = 0; i < n_wanted; i++) {
        const int at = net.place_of[first_wanted + i];
        sent_at(t)[at] = sample.derivative[static_cast<size_t>(t) * n_wanted + i] * w.payload_unit[at];
      }
    }
    for (Array<Real>& x : field_) x.fill(0);
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
      if (!rules_.layered) arrive_back();
      open_back(row, t_ == 0);
    }
  }

 private:
  static constexpr int32_t LATER = INT32_MAX;  // a forward step after all others

  const Rules& rules_;
  const ModelNumbers<Num>& models_;
  const Num* input_;
  const Reset reset_;
  BackwardSample<Real> sample_;
  int t_ = 0;
  bool drops_ = false;
  Array<Real> factor_;                       // what the messages of a neuron were multiplied by
  Array<Real> field_[MOST_FIELDS];           // derivatives by the states
  Array<Real> sent_;                         // (T, places) by what neurons send in each time step
  Array<Real> zero_;                         // what silent checks get from the delivery of their zero payloads
  Array<Real> imaginary_, later_imaginary_;  // as `arriving` and `later`, through imaginary parts of weights
  Array<int32_t> emission_;                  // forward step of the first emission of what waits
  Array<Bits> held_;                         // neurons that have fired or wait, as the time step goes back
  std::vector<char> valid_,
      touched_;  // by layer: whether a step delivers zero payloads to it; whether this one touched it
  std::vector<Num> payloads_;

  Real* sent_at(int t) { return &sent_[static_cast<size_t>(t) * net.n_places()]; }
  Real* input_at(int t) const { return sample_.input + static_cast<size_t>(t) * net.n_inputs; }
  TapePlace begins(size_t step) const {
    if (step == sample_.place.step) return sample_.place;
    const Step& before = tape.step[step - 1];
    return {0, 0, before.group_end, before.check_end, before.touched_end};
  }

  void take_factors(const Num* factor) {
    drops_ = factor != nullptr;
    if (drops_ && factor_.size() == 0) factor_ = Array<Real>(net.n_places());
    for (int i = 0; drops_ && i < net.n_neurons; i++) {
      factor_[net.place_of[i]] = static_cast<Real>(factor[i] * models_.payload_fraction());
    }
  }
  void open_row(size_t row) {
    fired = &tape.fired[row * net.n_blocks];
    s.grad_spike.fill(0);
    zero_.fill(0);
    emission_.fill(LATER);
    for (int b = 0; b < net.n_blocks; b++) {
      held_[b] = tape.refractory[row * net.n_blocks + b] | tape.waits_out[row * net.n_blocks + b];
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
  void check_back(int index, int block, size_t entry, int k) {
    const size_t i = place(block);
    const Check& check = tape.check[entry];
    const Bits at_peak = check.at_peak & ~s.passed[block];
    if (rule.credit == ALL || rule.credit == KEEP) zero_payloads(index, block, check, at_peak, k);
    s.passed[block] |= check.above_peak;
    const Bits silent = rules_.layered ? ALL_BITS : static_cast<Bits>(~fired[block]);
    const Bits counts = check.checked & (rule.peak ? check.fired | (silent & at_peak) : ALL_BITS);

    const bool by_delivery = rules_.layered || rule.credit == DELIVERED;
    const Mask pending = ge(splat(static_cast<int32_t>(k)), load(&emission_[i]));
    const Mask delivered = mask(by_delivery ? ALL_BITS : static_cast<Bits>(check.fired | bits(pending)));
    auto got = load(sent_at(t_) + i) + select(delivered, load(&s.grad_spike[i]), load(&zero_[i]));
    if (drops_) got = got * load(&factor_[i]);
    visit_model<Num>(models_.layers[index].model, [&](auto model) {
      this->template check_block_back<decltype(model)>(index, i, entry, counts, got);
    });
    held_[block] &= ~check.fired;
  }

  template <class M>
  LAVA_INLINE void check_block_back(int index, size_t i, size_t entry, Bits counts, Block<Real> got) {
    if constexpr (Differentiable<M>) {
      constexpr int F = std::size(M::STATE), N = std::size(M::NUMBERS);
      const Check& check = tape.check[entry];
      if (counts == 0 && check.fired == 0 && !rule.differentiated) {  // as most checks
        arriving_back<M>(i, mask(tape.held[entry]), s.arriving, imaginary_);
        return;
      }
      CheckBack<Real> back{{w, i, {}, {}}, w.surrogate[index], reset_, mask(check.fired), mask(check.checked),
                           mask(counts),   got,                load(&tape.voltage[entry * BLOCK]), zero<Real>()};
      if (M::KEEPS_ALWAYS || (M::KEEPS && rule.differentiated)) back.kept = load(&tape.kept[entry * BLOCK]);
      // A payload of graded neurons is a state, in another unit.
      if (M::GRADED) back.spike = got / load(&w.payload_unit[i]);
      for (int f = 0; f < F; f++) back.field[f] = load(&field_[f][i]);
      if (rule.neurons) {
        for (int q = 0; q < N; q++) back.number[q] = load(&g.number[q][i]);
      }
      M::check_back(back);
      for (int f = 0; f < F; f++) store(&field_[f][i], back.field[f]);
      if (rule.neurons) {
        for (int q = 0; q < N; q++) store(&g.number[q][i], back.number[q]);
      }
      arriving_back<M>(i, mask(tape.held[entry]), s.arriving, imaginary_);
    }
  }

  // Writes the derivatives by what arrives at a block through real and imaginary parts of weights.
  template <class M>
  LAVA_INLINE void arriving_back(size_t i, Mask held, Array<Real>& to_real, Array<Real>& to_imaginary) {
    Block<Real> by[MOST_FIELDS];
    for (size_t f = 0; f < std::size(M::STATE); f++) by[f] = load(&field_[f][i]);
    auto real = zero<Real>(), imaginary = zero<Real>();
    M::integrate_back(by, held, real, imaginary);
    store(&to_real[i], real);
    if (M::COMPLEX) store(&to_imaginary[i], imaginary);
  }

  // Credit `all`, `keep`: what silent checks of a block get from the step that delivers their zero payloads.
  void zero_payloads(int index, int block, const Check& check, Bits at_peak, int k) {
    if (rules_.layered) return;
    const Adjoint<Real> real = this->adjoint(s.later.get()), imaginary = this->adjoint(later_imaginary_.get());
    Bits silent = check.checked & ~check.fired;
    if (rule.peak) silent &= at_peak;
    for (; silent; silent &= silent - 1) {
      const int at = BLOCK * block + __builtin_ctz(silent), row = net.neuron_at[at] - net.layers[index].first;
      if (k >= emission_[at]) continue;
      Real total = 0;
      for (const Part& p : net.parts) {
        if (p.source != index || !valid_[p.target] || p.delay_of(row) > 0) continue;
        total += this->template part_adjoint<false>(p, row, Real(0), p.imaginary ? imaginary : real);
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
      if (!touched_[index]) continue;
      if (!net.layers[index].scattered) {
        dense_back(net.layers[index]);
        continue;
      }
      this->deliver_adjoint(index);
      if (!net.layers[index].imaginary.empty()) this->deliver_adjoint(net.layers[index].imaginary, imaginary_.get());
    }
    queued_input_adjoint(from.group, now.group_end);
    if (rule.credit != DELIVERED) keep_zero_payloads();
  }

  // Undoes the delivery of the group into a layer that dense synapses reach, tile by tile.
  void dense_back(const Layer& l) {
    each_tile(l.blocks, [&](auto q_, int b) {
      constexpr int Q = decltype(q_)::value;
      Blocks<Real, Q> by;
#pragma GCC unroll 8
      for (int q = 0; q < Q; q++) by[q] = load(&this->s.arriving[place(l.block + b + q)]);
      for (const Bundle& bundle : l.incoming) {
        const Part& p = this->net.parts[bundle.parts[0]];
        const SpikesOf<Num> spikes = this->group(p.source);
        if (spikes.n == 0) continue;
        const size_t at = p.weights + place(b);
        if (p.source == INPUT) {
          rows_adjoint<Real, Q>(this->g.weights.get() + at, p.stride, spikes, by);
        } else {
          rows_adjoint<Real, Q>(this->w.weights.get() + at, this->g.weights.get() + at, p.stride, spikes, by,
                                this->net.place_of.get(), this->s.grad_spike.get());
        }
      }
    });
  }
  // What input that waited in the queue gets.
  void queued_input_adjoint(size_t group, size_t group_end) {
    if (!sample_.input) return;
    for (size_t e = group; e < group_end && tape.source[e] < 0; e++) {
      const int c = tape.source[e] + net.n_inputs;
      for (const Part& p : net.parts) {
        if (p.source != INPUT || p.delay_of(c) > 0) continue;
        input_at(t_)[c] += this->template part_adjoint<false>(p, c, Real(0), arriving(p));
      }
    }
  }
  Adjoint<Real> arriving(const Part& p) const {
    return this->adjoint(p.imaginary ? imaginary_.get() : s.arriving.get());
  }

  void keep_zero_payloads() {
    for (int index = 0; index < net.n_layers(); index++) {
      if (rule.credit == ALL) valid_[index] = touched_[index];
      if (!touched_[index] || (rule.credit == LAST && valid_[index])) continue;
      valid_[index] = 1;
      const Layer& l = net.layers[index];
      visit_model<Num>(models_.layers[index].model,
                       [&](auto model) { this->template keep_arriving<decltype(model)>(l); });
      if (rule.credit != LAST) continue;
      last_zero_payloads(l.incoming, s.later.get());
      last_zero_payloads(l.imaginary, later_imaginary_.get());
    }
  }
  template <class M>
  LAVA_INLINE void keep_arriving(const Layer& l) {
    if constexpr (Differentiable<M>) {
      for (int b = l.block; b < l.block + l.blocks; b++) {
        arriving_back<M>(place(b), mask(held_[b]), s.later, later_imaginary_);
      }
    }
  }
  void last_zero_payloads(const std::vector<Bundle>& incoming, const Real* later) {
    const Adjoint<Real> a = this->adjoint(later);
    const auto add = [&](ptrdiff_t block, Block<Real> got) {
      Real* to = &zero_[static_cast<size_t>(block) * BLOCK];
      store(to, load(to) + got);
    };
    for (const Bundle& bundle : incoming) {
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
          conv_transposed(net, p, w.turned.get(), later, add);
        } else {
          dense_transposed<1>(net, p, w.turned.get(), &later,
                              [&](int, int block, Block<Real> got) { add(block, got); });
        }
      }
    }
  }

  // Undoes what arrived as the time step opened: input, unless it queued, and delayed payloads.
  void arrive_back() {
    for (const Part& p : net.parts) {
      const bool immediate = p.source == INPUT && rules_.input_first;
      if (immediate || p.delays()) due_back(p, 0, immediate);
    }
  }

  // Undoes History::due: what sources sent `lag` time steps ago.
  void due_back(const Part& p, int feedback, bool immediate) {
    const Adjoint<Real> a = arriving(p);
    const bool from_input = p.source == INPUT;
    // A source that was silent gets something too: what it sends is a sum of differentiable payloads.
    const bool wanted = !from_input || sample_.input != nullptr;
    for (int lag = immediate ? feedback : 1; lag <= std::max(net.longest_delay, feedback) && lag <= t_; lag++) {
      payloads_.assign(p.n_source, 0);
      if (from_input) {
        for (int64_t e = sample_.start[t_ - lag]; e < sample_.start[t_ - lag + 1]; e++) {
          payloads_[sample_.channel[e]] = input_[e];
        }
      } else {
        const auto spikes = tape.spikes[sample_.place.row + t_ - lag].of(net, p.source);
        for (int e = 0; e < spikes.n; e++) payloads_[spikes.row(e)] = spikes.payload_of(e);
      }
      const int first = from_input ? 0 : net.layers[p.source].first;
      for (int row = 0; row < p.n_source; row++) {
        const int delay = p.delay_of(row);
        if (std::max(delay, feedback) != lag || (delay == 0 && !immediate)) continue;
        const Real x = static_cast<Real>(payloads_[row]);
        if (x == 0 && !wanted) continue;
        const Real got =
            x == 0 ? this->template part_adjoint<false>(p, row, x, a) : this->template part_adjoint<true>(p, row, x, a);
        if (!from_input) {
          sent_at(t_ - lag)[net.place_of[first + row]] += got;
        } else if (sample_.input) {
          input_at(t_ - lag)[row] += got;
        }
      }
    }
  }

  // Undoes the opening of a time step; `first`: and the start of the sample.
  void open_back(size_t row, bool first) {
    for (int index = 0; index < net.n_layers(); index++) {
      const Layer& l = net.layers[index];
      visit_model<Num>(models_.layers[index].model, [&](auto model) {
        for (int b = l.block; b < l.block + l.blocks; b++) this->template open_block_back<decltype(model)>(b, row, first);
      });
    }
  }
  template <class M>
  LAVA_INLINE void open_block_back(int b, size_t row, bool first) {
    if constexpr (Differentiable<M>) {
      constexpr int F = std::size(M::STATE), N = std::size(M::NUMBERS);
      const size_t i = place(b);
      OpenBack<Real> back{{w, i, {}, {}}, mask(tape.waits_out[row * net.n_blocks + b])};
      for (int f = 0; f < F; f++) back.field[f] = load(&field_[f][i]);
      if (tape.states) {
        for (int f = 0; f < F; f++) back.state[f] = &tape.open_fields[(row * MOST_FIELDS + f) * net.n_places() + i];
        for (int q = 0; q < N; q++) back.number[q] = load(&g.number[q][i]);
      }
      M::open_back(back);
      if constexpr (requires { M::start_back(back); }) {
        if (first) M::start_back(back);
      }
      for (int f = 0; f < F; f++) store(&field_[f][i], back.field[f]);
      if (!tape.states) return;
      for (int q = 0; q < N; q++) store(&g.number[q][i], back.number[q]);
    }
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
