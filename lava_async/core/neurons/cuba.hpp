// Current-based leaky integrate-and-fire neurons in floating point (semantics, sections 2 and 3), as
// lava_async/neurons/cuba.py.
//
// A neuron model is a type with the number of its states, `open`, `integrate` and `fires`, each for a block of neurons.
#pragma once
#include "../blocks.hpp"
#include "../numbers.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class T>
struct Cuba {
  using Num = T;
  using Payload = int32_t;
  static constexpr bool ANY = false;
  // Whether the current of a neuron matters to its voltage within a time step.
  static constexpr bool CURRENT_MATTERS = false;
  // Whether a neuron at which nothing arrives may be integrated, too, with the others of its block.
  static constexpr bool NOTHING_CHANGES_NOTHING = true;

  static LAVA_INLINE Block<T> decayed(Block<T> x, Block<T> keep) { return x * keep; }
  // A time step opens, for the neurons at places i .. i + 15 of a layer.
  static LAVA_INLINE void open(const Numbers<T>& p, const LayerNumbers<T>& layer, size_t i, Block<T>& u, Block<T>& v) {
    v = decayed(v, load(&p.keep_v[i]));
    if (layer.current) {
      u = decayed(u, load(&p.keep_u[i]));
      v = v + u;
    } else {
      u = zero<T>();
    }
    if (layer.bias) v = v + load(&p.bias[i]);
  }
  // A group was delivered.
  static LAVA_INLINE void integrate(Block<T>& u, Block<T>& v, Block<T> arriving, Mask refractory) {
    u = u + arriving;
    v = select(refractory, v, v + arriving);
  }
  static LAVA_INLINE Mask fires(Block<T> v, Block<T> vth) { return gt(v, vth); }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
