// The model of a layer, as the engine of networks of any models takes it.
#pragma once
#include "engine.hpp"
#include "neurons/models.hpp"

namespace lava_async {
namespace LAVA_ISA {

// Takes the model of a layer; false: there is none of this name with these numbers and this state.
template <class Num>
bool set_layer_model(const Layout& net, ModelNumbers<Num>& to, int layer, const Engine::LayerModel& from) {
  to.layers.resize(net.layers.size());
  auto& x = to.layers[layer];
  x.model = model_called<Num>(from.name);
  bool known = false;
  if (x.model >= 0) {
    visit_model<Num>(x.model, [&](auto model) {
      using M = decltype(model);
      constexpr size_t n_numbers = std::size(M::NUMBERS), n_state = std::size(M::STATE);
      static_assert(n_numbers <= MOST_NUMBERS && n_state <= MOST_FIELDS);
      known = from.numbers.size() == n_numbers && from.state.size() == n_state;
      for (size_t q = 0; known && q < n_numbers; q++) known &= from.numbers[q].first == M::NUMBERS[q];
      for (size_t f = 0; known && f < n_state; f++) known &= from.state[f] == M::STATE[f];
      x.n_fields = static_cast<int>(n_state);
      x.graded = M::GRADED;
      x.complex = M::COMPLEX;
      x.differentiable = Differentiable<M>;
      if constexpr (Differentiable<M>) {
        x.keeps = M::KEEPS;
        x.keeps_always = M::KEEPS_ALWAYS;
      }
    });
  }
  if (!known) return false;
  for (Array<Num>& number : to.number) number.reserve(net.n_places());
  if (to.refractory_steps.size() == 0) {
    for (Array<Num>& number : to.number) number.fill(0);
    to.refractory_steps = Array<int32_t>(net.n_places());
    to.sync_threshold = Array<int32_t>(net.n_places());
  }
  const Layer& l = net.layers[layer];
  x.waits = x.sync = false;
  for (int i = 0; i < l.size; i++) {
    const int at = net.place_of[l.first + i];
    for (size_t q = 0; q < from.numbers.size(); q++) {
      to.number[q][at] = static_cast<const Num*>(from.numbers[q].second)[i];
    }
    to.refractory_steps[at] = from.refractory_steps[i];
    to.sync_threshold[at] = from.sync_threshold[i];
    x.waits |= from.refractory_steps[i] > 0;
    x.sync |= from.sync_threshold[i] > 0;
  }
  to.sync |= x.sync;
  return true;
}

}  // namespace LAVA_ISA
}  // namespace lava_async
