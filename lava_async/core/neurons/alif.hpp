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
  static constexpr bool GRADED = false, COMPLEX = false, KEEPS = true, KEEPS_ALWAYS = false;
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

  static LAVA_INLINE Block<T> threshold(const BlockNumbers<T>&, const Cells<T>& s) { return s.field[THETA]; }
  // rho and theta fall by themselves.
  template <class Number>
  static bool fires_alone(Number) {
    return true;
  }
  static LAVA_INLINE Block<T> kept(const BlockNumbers<T>&, const Cells<T>& before, const Cells<T>&) {
    return before.field[THETA];
  }
  template <class Real>
  static LAVA_INLINE void check_back(CheckBack<Real>& back) {
    if (back.differentiated()) {
      const auto by_theta = back.field[THETA], by_rho = back.field[RHO];
      back.spike = back.spike + by_rho * (back.kept + back.kept) + by_theta * back[THETA_STEP];
      back.number[THETA_STEP] = back.number[THETA_STEP] + select(back.fires, by_theta, zero<Real>());
      back.field[THETA] = by_theta + select(back.fires, by_rho + by_rho, zero<Real>());
    }
    const auto by_excess = back.by_excess();
    back.field[V] = back.field[V] + by_excess;
    back.field[RHO] = back.field[RHO] - by_excess;
    back.field[THETA] = back.field[THETA] - by_excess;
  }
  template <class Real>
  static LAVA_INLINE void integrate_back(const Block<Real>* by, Mask, Block<Real>& real, Block<Real>&) {
    real = by[U] + by[V];
  }
  template <class Real>
  static LAVA_INLINE void open_back(OpenBack<Real>& back) {
    leak_back(back, KEEP_U, KEEP_V, BIAS, mask(0));
    const auto by_theta = back.field[THETA], by_rho = back.field[RHO];
    if (back.wants_numbers()) {
      back.number[KEEP_THETA] = back.number[KEEP_THETA] + by_theta * (back.before(THETA) - back[VTH]);
      back.number[VTH] = back.number[VTH] + by_theta * (splat(Real(1)) - back[KEEP_THETA]);
      back.number[KEEP_RHO] = back.number[KEEP_RHO] + by_rho * back.before(RHO);
    }
    back.field[THETA] = by_theta * back[KEEP_THETA];
    back.field[RHO] = by_rho * back[KEEP_RHO];
  }
  // theta begins at vth.
  template <class Real>
  static LAVA_INLINE void start_back(OpenBack<Real>& back) {
    back.number[VTH] = back.number[VTH] + back.field[THETA];
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
