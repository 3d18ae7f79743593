// How a run is differentiated, by what, and where the gradient goes.
#pragma once
#include <vector>

#include "layout.hpp"
#include "numbers.hpp"

namespace lava_async {

// Semantics 6, in the order of lava_async.training.gradient.CREDITS.
enum Credit { DELIVERED, ALL, KEEP, LAST };
// b exp(-abs(a x)), and b / (b + (a x)^2)
enum Surrogate { EXPONENTIAL, ARCTANGENT };

struct GradientRules {
  Credit credit = LAST;
  bool peak = true, differentiated = false;
  Surrogate surrogate = ARCTANGENT;
  bool decays = false;   // whether decays get a gradient
  bool neurons = false;  // whether thresholds and biases do
  bool input = false;    // whether the input does
};

// What is differentiated by, in units of the gradient: weights by their places, numbers of neurons by place.
template <class Real>
struct Trainable {
  Array<Real> weights, turned;
  Array<Real> keep_u, keep_v, vth, bias, a, b;
  std::vector<char> fires_alone;  // by layer: whether a neuron may fire without input

  explicit Trainable(const Layout& net)
      : weights(net.n_weights + BLOCK), turned(net.n_turned + BLOCK), fires_alone(net.layers.size() + 1) {
    for (Array<Real>* x : {&keep_u, &keep_v, &vth, &bias, &a, &b}) *x = Array<Real>(net.n_places());
    b.fill(1);
  }
};

// Of one share of a batch.
template <class Real>
struct Gradients {
  Array<Real> weights, keep_u, keep_v, vth, bias;

  void make(const Layout& net) {
    weights.reserve(net.n_weights + BLOCK);
    weights.fill(0);
    for (Array<Real>* x : {&keep_u, &keep_v, &vth, &bias}) {
      x->reserve(net.n_places());
      x->fill(0);
    }
  }
};

}  // namespace lava_async
