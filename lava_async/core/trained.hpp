// Weights and parameters of a training, given in units of the gradient, as the engines read them.
#pragma once
#include <cmath>
#include <limits>

#include "engine.hpp"
#include "numbers.hpp"

namespace lava_async {

// Numbers of one run that is differentiated.
template <class Num, class Real>
class TrainedNumbers {
 public:
  Numbers<Num> numbers;
  Trainable<Real> floats;

  explicit TrainedNumbers(const Layout& net) : numbers(net), floats(net) {}

  // `unit`: what a weight of 1 adds to each neuron, by place. Returns the first weight that does not fit.
  Engine::Unfit set(const Layout& net, const Engine::Parameters& from, const Array<Num>& unit) {
    set_neurons(net, from, unit);
    const Real state = static_cast<Real>(1 / from.scale);
    const Engine::Unfit unfit = set_all_weights(net, from, [&](int) { return state; });
    if (WHOLE && unfit.synapses < 0) numbers.bounds(net);
    return unfit;
  }
  // The same for a network of any models; `models`: which, and what of them is not learned. visit(model, f) calls f
  // with a model by its number.
  template <class Visit>
  Engine::Unfit set_any(const Layout& net, const Engine::Parameters& from, const Numbers<Num>& given, Visit visit) {
    ModelNumbers<Num>& models = numbers.models;
    const ModelNumbers<Num>& of = given.models;
    models.layers = of.layers;
    models.sync = of.sync;
    models.payload_bits = from.payload_bits;
    const size_t N = static_cast<size_t>(net.n_neurons);
    if (models.refractory_steps.size() == 0) {
      models.refractory_steps = Array<int32_t>(net.n_places());
      models.sync_threshold = Array<int32_t>(net.n_places());
      floats.state_unit = Array<Real>(net.n_places());
      floats.payload_unit = Array<Real>(net.n_places());
      for (int q = 0; q < MOST_NUMBERS; q++) {
        models.number[q] = Array<Num>(net.n_places());
        floats.number[q] = Array<Real>(net.n_places());
      }
    }
    numbers.may_fire_alone.fill(0);
    floats.surrogate.clear();
    for (bool arctangent : from.arctangent) floats.surrogate.push_back(arctangent ? ARCTANGENT : EXPONENTIAL);
    for (int i = 0; i < net.n_neurons; i++) {
      const int at = net.place_of[i];
      for (size_t q = 0; q < MOST_NUMBERS; q++) {
        models.number[q][at] = static_cast<const Num*>(from.exact)[q * N + i];
        floats.number[q][at] = real(from.number)[q * N + i];
      }
      models.refractory_steps[at] = of.refractory_steps[at];
      models.sync_threshold[at] = of.sync_threshold[at];
      floats.a[at] = real(from.a)[i];
      floats.b[at] = real(from.b)[i];
      floats.state_unit[at] = real(from.state_unit)[i];
      floats.payload_unit[at] = real(from.payload_unit)[i];
      numbers.unit[at] = given.unit[at];
      visit(models.layers[net.layer_of[i]].model, [&](auto model) {
        using M = decltype(model);
        if constexpr (requires { M::fires_alone([](int) { return Num(0); }); }) {
          if (M::fires_alone([&](int q) { return models.number[q][at]; })) {
            numbers.may_fire_alone[at / BLOCK] |= static_cast<Bits>(1 << at % BLOCK);
          }
        }
      });
    }
    return set_all_weights(net, from, [&](int target) { return floats.state_unit[target]; });
  }

 private:
  static constexpr bool WHOLE = std::is_integral_v<Num>;

  static const Real* real(const void* x) { return static_cast<const Real*>(x); }

  void set_neurons(const Layout& net, const Engine::Parameters& from, const Array<Num>& unit) {
    numbers.set_neurons(net, real(from.keep_u), real(from.keep_v), real(from.vth), real(from.bias), from.scale);
    std::fill(floats.fires_alone.begin(), floats.fires_alone.end(), 0);
    for (int i = 0; i < net.n_neurons; i++) {
      const int at = net.place_of[i];
      floats.keep_u[at] = real(from.keep_u)[i];
      floats.keep_v[at] = real(from.keep_v)[i];
      floats.vth[at] = real(from.vth)[i];
      floats.bias[at] = real(from.bias)[i];
      floats.a[at] = real(from.a)[i];
      floats.b[at] = real(from.b)[i];
      numbers.unit[at] = unit[at];
      if (floats.keep_u[at] != 0 || floats.bias[at] != 0) floats.fires_alone[net.layer_of[i]] = 1;
    }
  }

  // state(target): what a unit of the state of a neuron, by place, is in units of the gradient.
  template <class State>
  Engine::Unfit set_all_weights(const Layout& net, const Engine::Parameters& from, State state) {
    Engine::Unfit unfit;
    for (const Part& p : net.parts) set_weights(net, p, from, unfit, state);
    return unfit;
  }
  template <class State>
  void set_weights(const Layout& net, const Part& p, const Engine::Parameters& from, Engine::Unfit& unfit,
                   State state) {
    const Real* values = real(from.weights[p.synapses]);
    const Real scale = static_cast<Real>(from.weight_scale);
    const Real most = WHOLE ? Real(2147483648.0) : std::numeric_limits<Real>::infinity();
    // Integers: the nearest whole weight; what a spike brings through it is exact in floats, as factors are powers
    // of 2.
    const auto brings = [&](size_t weight, int target) {
      if constexpr (WHOLE) return std::nearbyint(values[weight] * scale) * static_cast<Real>(numbers.unit[target]);
      else return values[weight];
    };
    each_weight(net, p, [&](size_t at, int target, size_t weight) {
      const Real x = brings(weight, target);
      if (!(std::abs(x) < most)) {
        if (unfit.synapses < 0) unfit = {p.synapses, weight};
        return;
      }
      numbers.weights[at] = static_cast<Num>(x);
      floats.weights[at] = WHOLE ? x * state(target) : x;
    });
    if (p.source == INPUT || p.kind == Kind::SPARSE) return;
    const bool conv = p.kind == Kind::CONV;
    const size_t per_target = conv ? p.geometry.n_weights() / p.geometry.outputs : p.n_source;
    const int plane = conv ? p.geometry.out_height * p.geometry.out_width : 1;
    const int first = net.layers[p.target].first;
    each_turned(net, p, [&](size_t at, size_t weight) {
      const int target = net.place_of[first + static_cast<int>(weight / per_target) * plane];
      const Real x = brings(weight, target);
      floats.turned[at] = WHOLE ? x * state(target) : x;
    });
  }
};

}  // namespace lava_async
