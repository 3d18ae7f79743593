// Surrogate derivatives of the threshold.
#pragma once
#include <cmath>

#include "blocks.hpp"
#include "gradient.hpp"

namespace lava_async {
namespace LAVA_ISA {

// exp(-y), y >= 0, in single precision: relative error below 2e-7. Beyond 70 it is 0, since products of smaller numbers
// are denormal, which costs a hundred times as much.
LAVA_INLINE Block<float> exp_minus(Block<float> y) {
  const Mask inside = ge(splat(70.0f), y);
  y = select(inside, y, splat(70.0f));
  const auto n = to<int32_t>(y * splat(1.4426950408889634f) + splat(0.5f));
  const auto f = to<float>(n);
  // ln 2 as a short number, whose multiples are exact, and the rest (Cody, Waite, 1980).
  const auto r = f * splat(0.693145751953125f) - y + f * splat(1.42860682030941723e-6f);
  auto series = splat(1 / 720.0f);
#pragma GCC unroll 8
  for (float c : {1 / 120.0f, 1 / 24.0f, 1 / 6.0f, 0.5f, 1.0f, 1.0f}) series = series * r + splat(c);
  return select(inside, series * as_float((splat(127) - n) << 23), zero<float>());
}
LAVA_INLINE Block<double> exp_minus(Block<double> y) {
  double all[BLOCK] __attribute__((aligned(64)));
  store(all, y);
  for (double& x : all) x = std::exp(-x);
  return load(all);
}

// The slope of neurons i .. i + 15 that exceed their thresholds by x.
template <class Real>
LAVA_INLINE Block<Real> slope_beyond(const Trainable<Real>& w, Surrogate surrogate, size_t i, Block<Real> x) {
  const auto y = load(&w.a[i]) * x, b = load(&w.b[i]);
  return surrogate == EXPONENTIAL ? b * exp_minus(abs(y)) : b / (b + y * y);
}
// The same at a voltage.
template <class Real>
LAVA_INLINE Block<Real> slope_at(const Trainable<Real>& w, Surrogate surrogate, size_t i, Block<Real> voltage) {
  return slope_beyond(w, surrogate, i, voltage - load(&w.vth[i]));
}

}  // namespace LAVA_ISA
}  // namespace lava_async
