// Resonate and fire neurons (semantics, section 8.4), as lava_async/neurons/resonate.py.
#pragma once
#include "model.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class T, bool IZHIKEVICH>
struct Resonate {
  static constexpr const char* NAME = IZHIKEVICH ? "resonate rf_iz" : "resonate rf";
  static constexpr const char* NUMBERS[] = {"cos", "sin", "vth", "after"};
  static constexpr const char* STATE[] = {"x", "y", "before"};
  static constexpr bool GRADED = false, COMPLEX = true, KEEPS = true, KEEPS_ALWAYS = !IZHIKEVICH;
  enum { COS, SIN, VTH, AFTER };
  enum { X, Y, BEFORE };

  static LAVA_INLINE void open(const BlockNumbers<T>& p, Cells<T>& s, Mask) {
    const auto x = s.field[X], y = s.field[Y], c = p[COS], n = p[SIN];
    s.field[X] = scaled(c, x) - scaled(n, y);
    s.field[Y] = scaled(n, x) + scaled(c, y);
    s.field[BEFORE] = y;
  }
  static LAVA_INLINE void integrate(const BlockNumbers<T>&, Cells<T>& s, Block<T> real, Block<T> imaginary, Mask) {
    s.field[X] = limited(s.field[X] + real);
    s.field[Y] = limited(s.field[Y] + imaginary);
  }
  static LAVA_INLINE Mask fires(const BlockNumbers<T>& p, const Cells<T>& s, Block<T>& momentum) {
    momentum = s.field[IZHIKEVICH ? Y : X];
    const Mask above = ge(momentum, p[VTH]);
    return IZHIKEVICH ? above : above & ge(s.field[Y], zero<T>()) & gt(zero<T>(), s.field[BEFORE]);
  }
  static LAVA_INLINE Block<T> fire(const BlockNumbers<T>& p, Cells<T>& s, Mask over, bool, Bits&) {
    if (IZHIKEVICH) {
      s.field[X] = select(over, zero<T>(), s.field[X]);
      s.field[Y] = select(over, p[AFTER], s.field[Y]);
    }
    return splat(T(1));
  }

  static LAVA_INLINE Block<T> threshold(const BlockNumbers<T>& p, const Cells<T>&) { return p[VTH]; }
  template <class Number>
  static bool fires_alone(Number) {
    return true;
  }
  static LAVA_INLINE Block<T> kept(const BlockNumbers<T>&, const Cells<T>& before, const Cells<T>&) {
    return before.field[IZHIKEVICH ? X : Y];
  }
  template <class Real>
  static LAVA_INLINE void check_back(CheckBack<Real>& back) {
    if (IZHIKEVICH) {
      const auto vth = back[VTH], y = back.excess + vth, by_y = back.field[Y], after = back[AFTER];
      back.reset_to_zero(X, back.kept);
      if (back.differentiated()) {
        back.spike = back.spike + select(back.checked, by_y * (after - y), zero<Real>());
        back.number[AFTER] = back.number[AFTER] + select(back.fires, by_y, zero<Real>());
      }
      if (back.reset != Reset::PASSES) back.field[Y] = select(back.fires, zero<Real>(), by_y);
      const auto by_excess = back.by_excess();
      back.field[Y] = back.field[Y] + by_excess;
      back.number[VTH] = back.number[VTH] - by_excess;
      return;
    }
    // slayer's own: a step at the threshold of x times a pulse where y is 0, both as wide as the exponential (whose
    // area is 2 b / a). A pulse is (a / 2) exp(-a abs(x)), the step its integral.
    const auto a = load(&back.w.a[back.i]), b = load(&back.w.b[back.i]), half = splat(Real(0.5));
    const auto x = back.excess, y = back.kept, at_x = exp_minus(a * abs(x)), at_y = exp_minus(a * abs(y));
    const auto step = half * (splat(Real(1)) + sign(x) * (splat(Real(1)) - at_x));
    const auto given = select(back.counts, back.spike * at_y, zero<Real>());
    const auto by_x = given * b * a * half * at_x;
    back.field[X] = back.field[X] + by_x;
    back.field[Y] = back.field[Y] - given * b * a * sign(y) * step;
    back.number[VTH] = back.number[VTH] - by_x;
  }
  template <class Real>
  static LAVA_INLINE void integrate_back(const Block<Real>* by, Mask, Block<Real>& real, Block<Real>& imaginary) {
    real = by[X];
    imaginary = by[Y];
  }
  template <class Real>
  static LAVA_INLINE void open_back(OpenBack<Real>& back) {
    const auto by_x = back.field[X], by_y = back.field[Y], c = back[COS], n = back[SIN];
    if (back.wants_numbers()) {
      const auto x = back.before(X), y = back.before(Y);
      back.number[COS] = back.number[COS] + by_x * x + by_y * y;
      back.number[SIN] = back.number[SIN] - by_x * y + by_y * x;
    }
    back.field[X] = c * by_x + n * by_y;
    back.field[Y] = c * by_y - n * by_x;
    back.field[BEFORE] = zero<Real>();
  }

 private:
  template <class Real>
  static LAVA_INLINE Block<Real> sign(Block<Real> x) {
    return select(gt(x, zero<Real>()), splat(Real(1)), select(gt(zero<Real>(), x), splat(Real(-1)), zero<Real>()));
  }
  // In integers a product of 4096ths, rounded toward zero.
  static LAVA_INLINE Block<T> scaled(Block<T> factor, Block<T> x) {
    const auto product = factor * x;
    if constexpr (std::is_integral_v<T>) {
      const auto size = abs(product) >> DECAY_BITS;
      return select(gt(zero<T>(), product), zero<T>() - size, size);
    } else {
      return product;
    }
  }
  static LAVA_INLINE Block<T> limited(Block<T> x) {
    if constexpr (std::is_integral_v<T>) {
      const auto most = splat(T(LOIHI_LIMIT - 1)), least = splat(T(1 - LOIHI_LIMIT));
      return select(gt(x, most), most, select(gt(least, x), least, x));
    } else {
      return x;
    }
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
