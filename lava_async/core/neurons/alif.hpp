// Adaptive leaky integrate-and-fire neurons (semantics, section 8.2), as lava_async/neurons/alif.py.
#pragma once
#include "model.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class T>
struct Alif {
  static constexpr const char* NAME = "ALIF";
  static constexpr const char* NUMBERS[] = {"keep_u", "keep_v", "keep_theta", "keep_rho", "vth", "theta_step", "bias"};
  static constexpr const char* STATE[] = {"u", "v", "theta", "rho"};
  static constexpr bool GRADED = false, COMPLEX = false;
  enum { KEEP_U, KEEP_V, KEEP_THETA, KEEP_RHO, VTH, THETA_STEP, BIAS };
  enum { U, V, THETA, RHO };

  static LAVA_INLINE void open(const BlockNumbers<T>& p, Cells<T>& s, Mask) {
    const auto vth = p[VTH];
    leak(s.field[U], s.field[V], p[KEEP_U], p[KEEP_V], p[BIAS]);
    s.field[THETA] = Membrane<T>::decayed(s.field[THETA] - vth, p[KEEP_THETA]) + vth;
    s.field[RHO] = Membrane<T>::decayed(s.field[RHO], p[KEEP_RHO]);
  }
  static LAVA_INLINE void integrate(const BlockNumbers<T>&, Cells<T>& s, Block<T> arriving, Block<T>, Mask) {
    Membrane<T>::integrate(s.field[U], s.field[V], arriving, mask(0));
  }
  static LAVA_INLINE Mask fires(const BlockNumbers<T>&, const Cells<T>& s, Block<T>& momentum) {
    momentum = s.field[V] - s.field[RHO];
    return ge(momentum, s.field[THETA]);
  }
  static LAVA_INLINE Block<T> fire(const BlockNumbers<T>& p, Cells<T>& s, Mask over, bool, Bits&) {
    const auto theta = s.field[THETA];
    s.field[RHO] = select(over, s.field[RHO] + (theta + theta), s.field[RHO]);
    s.field[THETA] = select(over, theta + p[THETA_STEP], theta);
    return splat(T(1));
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
