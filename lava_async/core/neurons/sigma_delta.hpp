// Sigma-delta and delta neurons (semantics, section 8.3), as lava_async/neurons/sigma_delta.py.
#pragma once
#include "model.hpp"

namespace lava_async {
namespace LAVA_ISA {

constexpr int PAYLOAD_SHIFT = 6;  // bits of a difference of integers that receivers do not get

// What both share. Model: gives `output`, the activation.
template <class T, class Model>
struct Difference {
  static constexpr bool GRADED = true, COMPLEX = false, KEEPS = true, KEEPS_ALWAYS = true;
  enum { VTH };
  enum { SENT = 1 };

  static LAVA_INLINE Mask fires(const BlockNumbers<T>& p, const Cells<T>& s, Block<T>& momentum) {
    momentum = abs(Model::output(p, s) - s.field[SENT]);
    return ge(momentum, p[VTH]);
  }
  static LAVA_INLINE Block<T> fire(const BlockNumbers<T>& p, Cells<T>& s, Mask over, bool, Bits&) {
    const auto a = Model::output(p, s), d = a - s.field[SENT];
    s.field[SENT] = select(over, a, s.field[SENT]);
    if constexpr (std::is_integral_v<T>) {
      return d >> PAYLOAD_SHIFT;
    } else {
      return d;
    }
  }

  static LAVA_INLINE Block<T> threshold(const BlockNumbers<T>& p, const Cells<T>&) { return p[VTH]; }
  // What was held back may be sent.
  template <class Number>
  static bool fires_alone(Number) {
    return true;
  }
  // The activation a with the sign of the difference d, which tells of both what derivatives need: a is 0 or above
  // where it is rectified, and where it is 0, d is not above 0. Else d itself.
  static LAVA_INLINE Block<T> kept(const BlockNumbers<T>& p, const Cells<T>& before, const Cells<T>&) {
    const auto a = Model::output(p, before), d = a - before.field[SENT];
    return Model::RECTIFIED ? select(gt(zero<T>(), d), zero<T>() - a, a) : d;
  }
  // The derivative by the threshold, as slayer has it: of a check that sends d it is -d / threshold times the slope of
  // the surrogate, of one that does not -sign(d).
  template <class Real>
  static LAVA_INLINE void by_threshold(CheckBack<Real>& back) {
    const auto zeros = zero<Real>(), one = splat(Real(1)), vth = back[VTH], x = back.excess;
    const auto slope = slope_beyond(back.w, back.surrogate, back.i, x);
    const auto times = select(gt(vth, zeros), (x + vth) / select(gt(vth, zeros), vth, one), one);
    const auto size = back.spike * select(gt(x, zeros), times * slope, one);
    const auto sign = select(gt(back.kept, zeros), one, zeros - one);  // of no difference nothing is sent
    const auto moves = select(gt(x + vth, zeros), sign, zeros);
    back.number[VTH] = back.number[VTH] - select(back.counts, moves * size, zeros);
  }
  // As in slayer the payload of a check that counts is a - sent, and sent then is a, whether it fires or not: what is
  // held back is as good as sent. So the differences of all time steps add up to what a itself would get.
  template <class Real>
  static LAVA_INLINE Block<Real> by_output(CheckBack<Real>& back) {
    by_threshold(back);
    const auto by_sent = back.field[SENT], by_payload = select(back.counts, back.spike, zero<Real>());
    back.field[SENT] = select(back.counts, zero<Real>(), by_sent) - by_payload;
    return by_payload + select(back.counts, by_sent, zero<Real>());
  }
  template <class Real>
  static LAVA_INLINE void integrate_back(const Block<Real>* by, Mask, Block<Real>& real, Block<Real>&) {
    real = by[0];
  }
};

template <class T, bool RELU>
struct SigmaDelta : Difference<T, SigmaDelta<T, RELU>> {
  static constexpr const char* NAME = RELU ? "sigma-delta relu" : "sigma-delta unit";
  static constexpr const char* NUMBERS[] = {"vth", "bias"};
  static constexpr const char* STATE[] = {"sigma", "sent"};
  static constexpr bool RECTIFIED = RELU;
  enum { BIAS = 1 };
  enum { SIGMA };

  static LAVA_INLINE void open(const BlockNumbers<T>&, Cells<T>&, Mask) {}
  static LAVA_INLINE void integrate(const BlockNumbers<T>&, Cells<T>& s, Block<T> arriving, Block<T>, Mask) {
    s.field[SIGMA] = s.field[SIGMA] + arriving;
  }
  static LAVA_INLINE Block<T> output(const BlockNumbers<T>& p, const Cells<T>& s) {
    const auto a = s.field[SIGMA] + p[BIAS];
    return RELU ? select(gt(a, zero<T>()), a, zero<T>()) : a;
  }

  template <class Real>
  static LAVA_INLINE void check_back(CheckBack<Real>& back) {
    auto by_a = Difference<T, SigmaDelta>::by_output(back);
    if (RELU) by_a = select(gt(abs(back.kept), zero<Real>()), by_a, zero<Real>());
    back.field[SIGMA] = back.field[SIGMA] + by_a;
    back.number[BIAS] = back.number[BIAS] + by_a;
  }
  template <class Real>
  static LAVA_INLINE void open_back(OpenBack<Real>&) {}
};

template <class T>
struct Delta : Difference<T, Delta<T>> {
  static constexpr const char* NAME = "delta";
  static constexpr const char* NUMBERS[] = {"vth"};
  static constexpr const char* STATE[] = {"x", "sent"};
  static constexpr bool RECTIFIED = false;
  enum { X };

  static LAVA_INLINE void open(const BlockNumbers<T>&, Cells<T>& s, Mask) { s.field[X] = zero<T>(); }
  static LAVA_INLINE void integrate(const BlockNumbers<T>&, Cells<T>& s, Block<T> arriving, Block<T>, Mask) {
    s.field[X] = s.field[X] + arriving;
  }
  static LAVA_INLINE Block<T> output(const BlockNumbers<T>&, const Cells<T>& s) { return s.field[X]; }

  template <class Real>
  static LAVA_INLINE void check_back(CheckBack<Real>& back) {
    back.field[X] = back.field[X] + Difference<T, Delta>::by_output(back);
  }
  template <class Real>
  static LAVA_INLINE void open_back(OpenBack<Real>& back) {
    back.field[X] = zero<Real>();
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
