// Synapses in lists, source by source; forward and its adjoint.
#pragma once
#include "arrivals.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class Num>
LAVA_INLINE int scatter_sparse(const Part& p, const Num* weights, int row, Num payload, Arrivals<Num>& to) {
  const int64_t begin = p.start[row], end = p.start[row + 1];
  const Num* w = weights + p.weights;
  for (int64_t e = begin; e < end; e++) {
    const int at = p.reached[e];
    to.sum[at] += payload * w[e];
    to.touch(at / BLOCK, static_cast<Bits>(1 << at % BLOCK));
  }
  return static_cast<int>(end - begin);
}

template <bool GRADIENT, class Real>
LAVA_INLINE Real sparse_adjoint(const Part& p, int row, Real payload, const Adjoint<Real>& a) {
  Real total = 0;
  for (int64_t e = p.start[row]; e < p.start[row + 1]; e++) {
    const Real arriving = a.arriving[p.reached[e]];
    total += a.weights[p.weights + e] * arriving;
    if constexpr (GRADIENT) a.gradient[p.weights + e] += payload * arriving;
  }
  return total;
}

}  // namespace LAVA_ISA
}  // namespace lava_async
