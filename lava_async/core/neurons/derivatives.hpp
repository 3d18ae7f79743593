// What the derivatives of a neuron model are told and what they give back, a block of neurons at a time (semantics,
// section 8.5). All numbers are in units of the gradient.
#pragma once
#include "../surrogate.hpp"

namespace lava_async {
namespace LAVA_ISA {

// The derivatives that go back through a check or an opening: by the state, after it when the model begins and before
// it when the model ends, and what is added to those by the numbers of the model.
template <class Real>
struct Back {
  const Trainable<Real>& w;
  size_t i;  // the place of the first neuron
  Block<Real> field[MOST_FIELDS];
  Block<Real> number[MOST_NUMBERS];

  Block<Real> operator[](int q) const { return load(&w.number[q][i]); }
};

template <class Real>
struct CheckBack : Back<Real> {
  Surrogate surrogate;
  Reset reset;
  Mask fires, checked;
  Mask counts;         // where the slope of the surrogate counts
  Block<Real> spike;   // derivative by what a check sends, in units of the payload
  Block<Real> excess;  // by how much a neuron exceeded its threshold
  Block<Real> kept;    // what the model kept
  bool differentiated() const { return reset == Reset::DIFFERENTIATED; }

  // The derivative by the excess: of a check that sends spikes.
  Block<Real> by_excess() const {
    return select(counts, spike * slope_beyond(this->w, surrogate, this->i, excess), zero<Real>());
  }
  // The derivative by a state that a spike resets to a constant, and what the spike gets from that.
  void reset_to_zero(int f, Block<Real> before) {
    if (differentiated()) spike = spike - select(checked, this->field[f] * before, zero<Real>());
    if (reset != Reset::PASSES) this->field[f] = select(fires, zero<Real>(), this->field[f]);
  }
};

template <class Real>
struct OpenBack : Back<Real> {
  Mask held;                            // neurons that wait out their refractory steps
  const Real* state[MOST_FIELDS] = {};  // of these 16 neurons before the opening; nullptr: numbers get no derivative

  bool wants_numbers() const { return state[0] != nullptr; }
  Block<Real> before(int f) const { return load(state[f]); }
};

// What a model has whose neurons can be trained.
template <class M>
concept Differentiable = requires(CheckBack<float>& check, OpenBack<float>& open) {
  M::check_back(check);
  M::open_back(open);
};

}  // namespace LAVA_ISA
}  // namespace lava_async
