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
  static constexpr bool GRADED = false, COMPLEX = true;
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

 private:
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
