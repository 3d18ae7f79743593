// Current-based leaky integrate-and-fire neurons for networks of any models: reset to zero, or by subtraction
// (semantics, section 8.1), as lava_async/neurons/cuba.py and loihi.py.
#pragma once
#include "model.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class T>
struct Leaky {
  static constexpr const char* NUMBERS[] = {"keep_u", "keep_v", "vth", "bias"};
  static constexpr const char* STATE[] = {"u", "v"};
  static constexpr bool GRADED = false, COMPLEX = false, KEEPS = true, KEEPS_ALWAYS = false;
  enum { KEEP_U, KEEP_V, VTH, BIAS };
  enum { U, V };

  static LAVA_INLINE Mask fires(const BlockNumbers<T>& p, const Cells<T>& s, Block<T>& momentum) {
    momentum = s.field[V];
    return gt(s.field[V], p[VTH]);
  }
  static LAVA_INLINE Block<T> threshold(const BlockNumbers<T>& p, const Cells<T>&) { return p[VTH]; }
  template <class Real>
  static LAVA_INLINE void excess_back(CheckBack<Real>& back) {
    const auto by_v = back.by_excess();
    back.field[V] = back.field[V] + by_v;
    back.number[VTH] = back.number[VTH] - by_v;
  }
};

template <class T>
struct ResetToZero : Leaky<T> {
  static constexpr const char* NAME = "CUBA zero";
  using L = Leaky<T>;

  static LAVA_INLINE void open(const BlockNumbers<T>& p, Cells<T>& s, Mask held) {
    const auto before = s.field[L::V];
    leak(s.field[L::U], s.field[L::V], p[L::KEEP_U], p[L::KEEP_V], p[L::BIAS]);
    s.field[L::V] = select(held, before, s.field[L::V]);
  }
  static LAVA_INLINE void integrate(const BlockNumbers<T>&, Cells<T>& s, Block<T> arriving, Block<T>, Mask refractory) {
    Membrane<T>::integrate(s.field[L::U], s.field[L::V], arriving, refractory);
  }
  static LAVA_INLINE Block<T> fire(const BlockNumbers<T>&, Cells<T>& s, Mask over, bool, Bits&) {
    s.field[L::V] = select(over, zero<T>(), s.field[L::V]);
    return splat(T(1));
  }

  // A voltage that is 0 or at most its threshold only falls or follows its current and bias.
  template <class Number>
  static bool fires_alone(Number number) {
    return number(L::KEEP_U) != 0 || number(L::BIAS) != 0;
  }
  static LAVA_INLINE Block<T> kept(const BlockNumbers<T>&, const Cells<T>& before, const Cells<T>&) {
    return before.field[L::V];
  }
  template <class Real>
  static LAVA_INLINE void check_back(CheckBack<Real>& back) {
    back.reset_to_zero(L::V, back.kept);
    L::excess_back(back);
  }
  template <class Real>
  static LAVA_INLINE void integrate_back(const Block<Real>* by, Mask held, Block<Real>& real, Block<Real>&) {
    real = by[L::U] + select(held, zero<Real>(), by[L::V]);
  }
  template <class Real>
  static LAVA_INLINE void open_back(OpenBack<Real>& back) {
    leak_back(back, L::KEEP_U, L::KEEP_V, L::BIAS, back.held);
  }
};

template <class T>
struct Subtract : Leaky<T> {
  static constexpr const char* NAME = "CUBA subtract";
  using L = Leaky<T>;

  static LAVA_INLINE void open(const BlockNumbers<T>& p, Cells<T>& s, Mask) {
    leak(s.field[L::U], s.field[L::V], p[L::KEEP_U], p[L::KEEP_V], p[L::BIAS]);
  }
  static LAVA_INLINE void integrate(const BlockNumbers<T>&, Cells<T>& s, Block<T> arriving, Block<T>, Mask) {
    Membrane<T>::integrate(s.field[L::U], s.field[L::V], arriving, mask(0));
  }
  // `stuck`: neurons whose threshold is too small to change their voltage.
  static LAVA_INLINE Block<T> fire(const BlockNumbers<T>& p, Cells<T>& s, Mask over, bool once, Bits& stuck) {
    const auto vth = p[L::VTH];
    Block<T>& v = s.field[L::V];
    v = select(over, v - vth, v);
    if (once) return splat(T(1));
    T rest[BLOCK] __attribute__((aligned(64))), step[BLOCK] __attribute__((aligned(64)));
    T n[BLOCK] __attribute__((aligned(64)));
    store(rest, v);
    store(step, vth);
    store(n, splat(T(1)));
    for (Bits left = bits(over); left; left &= left - 1) repeat(rest, step, n, __builtin_ctz(left), stuck);
    v = load(rest);
    return load(n);
  }

  template <class Number>
  static bool fires_alone(Number) {
    return true;
  }
  // What was taken.
  static LAVA_INLINE Block<T> kept(const BlockNumbers<T>&, const Cells<T>& before, const Cells<T>& after) {
    return before.field[L::V] - after.field[L::V];
  }
  template <class Real>
  static LAVA_INLINE void check_back(CheckBack<Real>& back) {
    if (back.differentiated()) {
      const auto by_v = back.field[L::V], vth = back[L::VTH];
      back.spike = back.spike - by_v * vth;
      back.number[L::VTH] = back.number[L::VTH] - select(back.fires, by_v * (back.kept / vth), zero<Real>());
    }
    L::excess_back(back);
  }
  template <class Real>
  static LAVA_INLINE void integrate_back(const Block<Real>* by, Mask, Block<Real>& real, Block<Real>&) {
    real = by[L::U] + by[L::V];
  }
  template <class Real>
  static LAVA_INLINE void open_back(OpenBack<Real>& back) {
    leak_back(back, L::KEEP_U, L::KEEP_V, L::BIAS, mask(0));
  }

 private:
  // Until v > vth no longer holds; floats one subtraction after another, since each one rounds. In double precision, in
  // which gradients are checked, at once: nothing there is rounded, or not to be seen.
  static void repeat(T* rest, const T* step, T* n, int lane, Bits& stuck) {
    if constexpr (sizeof(T) == 8) {
      if (rest[lane] <= step[lane]) return;
      T more;
      if constexpr (std::is_integral_v<T>) {
        more = (rest[lane] - 1) / step[lane];
      } else {
        more = std::ceil(rest[lane] / step[lane]) - 1;
      }
      rest[lane] -= more * step[lane];
      n[lane] += more;
    } else {
      T x = rest[lane];
      for (; x > step[lane]; n[lane] += 1) {
        const T less = x - step[lane];
        if (less == x) {
          stuck |= static_cast<Bits>(1 << lane);
          break;
        }
        x = less;
      }
      rest[lane] = x;
    }
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
