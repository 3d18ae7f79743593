// What the engine of networks of any models asks of a neuron model (semantics, section 8.0), and the list of them.
//
// A model is a type with a name, the names of its numbers and of its state, and four functions, each for a block of
// neurons: `open`, `integrate`, `fires` (with the momentum), and `fire`, which gives the payloads. Names are those of
// the parameter class in lava_async/neurons: `arrays()` and `state`.
#pragma once
#include "../blocks.hpp"
#include "../numbers.hpp"
#include "cuba.hpp"
#include "loihi.hpp"

namespace lava_async {
namespace LAVA_ISA {

// The state of a block of neurons, in the order of the names of a model.
template <class T>
struct Cells {
  Block<T> field[MOST_FIELDS];
};

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

}  // namespace LAVA_ISA
}  // namespace lava_async
