// The backward pass of networks of any models: semantics, sections 6 and 8.5. As general_backward.hpp, with the
// derivatives of each model from its header, payloads that are numbers, and weights with imaginary parts.
#pragma once
#include "general_backward.hpp"
#include "neurons/models.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class Num, class Real>
class AnyBackward : public GeneralBackward<AnyBackward<Num, Real>, Real, Num> {
  using Base = GeneralBackward<AnyBackward<Num, Real>, Real, Num>;
  friend Base;
  using Base::net, Base::rules, Base::rule, Base::tape, Base::w, Base::g, Base::s, Base::place;
  using Base::t_, Base::held_;

 public:
  // `input`: the payloads of the entries of the batch; `factors` (n, N): what messages were multiplied by, or nullptr.
  AnyBackward(const Undone<Real, Num>& of, const ModelNumbers<Num>& models, const Num* input, const Num* factors)
      : Base(of),
        models_(models),
        input_(input),
        factors_(factors),
        reset_(rule.differentiated ? Reset::DIFFERENTIATED
               : rules.layered     ? Reset::PASSES
                                   : Reset::CONSTANT),
        imaginary_(net.n_places()),
        later_imaginary_(net.n_places()) {
    for (Array<Real>& x : field_) x = Array<Real>(net.n_places());
    if (factors) factor_ = Array<Real>(net.n_places());
  }

  void begin(const BackwardSample<Real>& sample, int first_wanted, int n_wanted) {
    for (Array<Real>& x : field_) x.fill(0);
    for (int i = 0; factors_ && i < net.n_neurons; i++) {
      const Num factor = factors_[sample.number * static_cast<size_t>(net.n_neurons) + i];
      factor_[net.place_of[i]] = static_cast<Real>(factor * models_.payload_fraction());
    }
    this->begin_walk(sample, first_wanted, n_wanted, w.payload_unit.get());
  }
  const Real* later(bool imaginary) const { return (imaginary ? later_imaginary_ : s.later).get(); }

 private:
  const ModelNumbers<Num>& models_;
  const Num *input_, *factors_;
  const Reset reset_;
  Array<Real> factor_;                       // what the messages of a neuron were multiplied by
  Array<Real> field_[MOST_FIELDS];           // derivatives by the states
  Array<Real> imaginary_, later_imaginary_;  // as `arriving` and `later`, through imaginary parts of weights

  // Neurons that wait out their refractory steps are held, too.
  void open_row(size_t row) {
    Base::open_row(row);
    for (int b = 0; b < net.n_blocks; b++) held_[b] |= tape.waits_out[row * net.n_blocks + b];
  }

  void undo_check(int index, size_t entry, size_t i, Bits counts, Block<Real> got, int) {
    if (factors_) got = got * load(&factor_[i]);
    visit_model<Num>(models_.layers[index].model,
                     [&](auto model) { this->template undo_check_of<decltype(model)>(index, entry, i, counts, got); });
  }
  template <class M>
  LAVA_INLINE void undo_check_of(int index, size_t entry, size_t i, Bits counts, Block<Real> got) {
    if constexpr (Differentiable<M>) {
      constexpr int F = std::size(M::STATE), N = std::size(M::NUMBERS);
      const Check& check = tape.check[entry];
      if (counts == 0 && check.fired == 0 && !rule.differentiated) {  // as most checks
        arriving_back<M>(i, mask(tape.held[entry]), s.arriving, imaginary_);
        return;
      }
      CheckBack<Real> back{{w, i, {}, {}},      w.surrogate[index], reset_, mask(check.fired),
                           mask(check.checked), mask(counts),       got,    load(&tape.voltage[entry * BLOCK]),
                           zero<Real>()};
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

  // Where dense synapses alone reach the layer, tile by tile.
  void undo_delivery(int index) {
    const Layer& l = net.layers[index];
    if (l.scattered) {
      this->deliver_adjoint(index);
      if (!l.imaginary.empty()) this->deliver_adjoint(l.imaginary, imaginary_.get());
      return;
    }
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
  Adjoint<Real> arriving(const Part& p) const {
    return this->adjoint(p.imaginary ? imaginary_.get() : s.arriving.get());
  }
  Num input_payload(int64_t entry) const { return input_[entry]; }

  void keep_arriving(int index) {
    visit_model<Num>(models_.layers[index].model,
                     [&](auto model) { this->template keep_arriving_of<decltype(model)>(net.layers[index]); });
  }
  template <class M>
  LAVA_INLINE void keep_arriving_of(const Layer& l) {
    if constexpr (Differentiable<M>) {
      for (int b = l.block; b < l.block + l.blocks; b++) {
        arriving_back<M>(place(b), mask(held_[b]), s.later, later_imaginary_);
      }
    }
  }

  // The opening of the first time step is the start of the sample.
  void undo_opening(size_t row) {
    for (int index = 0; index < net.n_layers(); index++) {
      const Layer& l = net.layers[index];
      visit_model<Num>(models_.layers[index].model, [&](auto model) {
        for (int b = l.block; b < l.block + l.blocks; b++) this->template undo_opening_of<decltype(model)>(b, row);
      });
    }
  }
  template <class M>
  LAVA_INLINE void undo_opening_of(int b, size_t row) {
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
        if (t_ == 0) M::start_back(back);
      }
      for (int f = 0; f < F; f++) store(&field_[f][i], back.field[f]);
      if (!tape.states) return;
      for (int q = 0; q < N; q++) store(&g.number[q][i], back.number[q]);
    }
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
