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
// What a reset is to the gradient. PASSES: a constant that is taken away, as slayer has it layer by layer; CONSTANT:
// only the spike in it is constant; DIFFERENTIATED: nothing is.
enum class Reset { PASSES, CONSTANT, DIFFERENTIATED };

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
  // Of networks of any models, by place: the numbers of each model, and what a unit of a state and of a payload is in
  // units of the gradient; and by layer its surrogate.
  Array<Real> number[MOST_NUMBERS], state_unit, payload_unit;
  std::vector<Surrogate> surrogate;

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
  Array<Real> number[MOST_NUMBERS];  // of networks of any models

  void make(const Layout& net, bool any_model) {
    weights.reserve(net.n_weights + BLOCK);
    weights.fill(0);
    if (any_model) {
      for (Array<Real>& x : number) make(x, net.n_places());
    } else {
      for (Array<Real>* x : {&keep_u, &keep_v, &vth, &bias}) make(*x, net.n_places());
    }
  }

 private:
  static void make(Array<Real>& x, size_t n) {
    x.reserve(n);
    x.fill(0);
  }
};

}  // namespace lava_async
