// All models of the engine of networks of any models: a new one is a header and a line here.
#pragma once
#include <tuple>
#include <utility>

#include "alif.hpp"
#include "reset.hpp"
#include "resonate.hpp"
#include "sigma_delta.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class T>
using Models = std::tuple<ResetToZero<T>,        //
                          Subtract<T>,           //
                          Alif<T>,               //
                          SigmaDelta<T, true>,   //
                          SigmaDelta<T, false>,  //
                          Delta<T>,              //
                          Resonate<T, false>,    //
                          Resonate<T, true>>;

// Calls f(model) with a model by its number in the list.
template <class T, class F, size_t... I>
LAVA_INLINE void visit_model(int number, F&& f, std::index_sequence<I...>) {
  ((number == static_cast<int>(I) && (f(std::tuple_element_t<I, Models<T>>()), true)) || ...);
}
template <class T, class F>
LAVA_INLINE void visit_model(int number, F&& f) {
  visit_model<T>(number, std::forward<F>(f), std::make_index_sequence<std::tuple_size_v<Models<T>>>());
}

// Looks up a model; -1: there is none of this name.
template <class T>
int model_called(const std::string& name) {
  int found = -1;
  for (size_t m = 0; m < std::tuple_size_v<Models<T>>; m++) {
    visit_model<T>(static_cast<int>(m), [&](auto model) {
      if (name == decltype(model)::NAME) found = static_cast<int>(m);
    });
  }
  return found;
}

// Networks whose layers are of any of these models; payloads are numbers.
template <class T>
struct AnyModel {
  using Num = T;
  using Payload = T;
  static constexpr bool ANY = true;
};

}  // namespace LAVA_ISA
}  // namespace lava_async
