// What the engine of networks of any models asks of a neuron model (semantics, section 8.0), and the list of them.
//
// A model is a type with a name, the names of its numbers and of its state, and four functions, each for a block of
// neurons: `open`, `integrate`, `fires` (with the momentum), and `fire`, which gives the payloads. Names are those of
// the parameter class in lava_async/neurons: `arrays()` and `state`.
//
// One that can be trained has besides: `threshold`, which the momentum is compared with; `fires_alone`, whether a
// neuron may fire as a time step opens although nothing reached it; `kept`, what a check keeps for its derivative, if
// it has KEEPS (only if resets are differentiated) or KEEPS_ALWAYS; and the derivatives of the equations, each beside
// them: `open_back`, `integrate_back` and `check_back` (derivatives.hpp).
#pragma once
#include <iterator>
#include <utility>

#include "../blocks.hpp"
#include "../numbers.hpp"
#include "cuba.hpp"
#include "derivatives.hpp"
#include "loihi.hpp"

namespace lava_async {
namespace LAVA_ISA {

// The state of a block of neurons, in the order of the names of a model.
template <class T>
struct Cells {
  Block<T> field[MOST_FIELDS];
};

// Calls f with the number of each state of model M. Unrolled: what is indexed by a loop that is left lies in memory.
template <class F, size_t... I>
LAVA_INLINE void each_field(F f, std::index_sequence<I...>) {
  (f(std::integral_constant<size_t, I>()), ...);
}
template <class M, class F>
LAVA_INLINE void each_field(F f) {
  each_field(f, std::make_index_sequence<std::size(M::STATE)>());
}

// The numbers of the neurons at places i .. i + 15.
template <class T>
struct BlockNumbers {
  const ModelNumbers<T>& numbers;
  size_t i;
  Block<T> operator[](int q) const { return load(&numbers.number[q][i]); }
};

// The equations of current and voltage that models share: floats, or Loihi's integers with their range.
template <class T>
using Membrane = std::conditional_t<std::is_integral_v<T>, Loihi<T, true>, Cuba<T>>;

template <class T>
LAVA_INLINE void leak(Block<T>& u, Block<T>& v, Block<T> keep_u, Block<T> keep_v, Block<T> bias) {
  u = Membrane<T>::decayed(u, keep_u);
  v = Membrane<T>::decayed(v, keep_v) + u + bias;
}
// Its derivative; u and v are fields 0 and 1, the numbers are given by their places. The voltage of `still` neurons did
// not change.
template <class Real>
LAVA_INLINE void leak_back(OpenBack<Real>& back, int keep_u, int keep_v, int bias, Mask still) {
  const auto by_v = select(still, zero<Real>(), back.field[1]), by_u = back.field[0] + by_v;
  if (back.wants_numbers()) {
    back.number[keep_u] = back.number[keep_u] + by_u * back.before(0);
    back.number[keep_v] = back.number[keep_v] + by_v * back.before(1);
    back.number[bias] = back.number[bias] + by_v;
  }
  back.field[0] = by_u * back[keep_u];
  back.field[1] = select(still, back.field[1], by_v * back[keep_v]);
}

}  // namespace LAVA_ISA
}  // namespace lava_async
