// All-to-all synapses: a row of weights per source, in whole blocks; forward and its adjoint.
#pragma once
#include <array>

#include "../spikes.hpp"
#include "arrivals.hpp"

namespace lava_async {
namespace LAVA_ISA {

// Calls f(Q, b) for tiles of Q blocks, whose sums stay in registers.
template <int MOST = TILE, class F>
LAVA_INLINE void each_tile(int blocks, F f) {
  int b = 0;
  if constexpr (MOST >= 8) {
    for (; b + 8 <= blocks; b += 8) f(std::integral_constant<int, 8>(), b);
  }
  if constexpr (MOST >= 4) {
    for (; b + 4 <= blocks; b += 4) f(std::integral_constant<int, 4>(), b);
  }
  if constexpr (MOST >= 2) {
    for (; b + 2 <= blocks; b += 2) f(std::integral_constant<int, 2>(), b);
  }
  for (; b < blocks; b++) f(std::integral_constant<int, 1>(), b);
}

template <class T, int Q>
using Blocks = std::array<Block<T>, Q>;

// Adds rows to a tile of the targets, in the order of their sources. `weights`: row 0, the first block of the tile.
template <class Num, int Q, class P>
LAVA_INLINE void add_rows(const Num* weights, size_t stride, const SpikesOf<P>& s, Blocks<Num, Q>& sum) {
  const Num* row_0 = weights - static_cast<ptrdiff_t>(s.first) * static_cast<ptrdiff_t>(stride);
  Blocks<Num, Q> total;  // in registers
#pragma GCC unroll 8
  for (int q = 0; q < Q; q++) total[q] = sum[q];
  if (s.payload == nullptr) {
#pragma GCC unroll 2
    for (int e = 0; e < s.n; e++) {
      const Num* row = row_0 + s.id[e] * static_cast<ptrdiff_t>(stride);
#pragma GCC unroll 8
      for (int q = 0; q < Q; q++) total[q] = total[q] + load(row + q * BLOCK);
    }
  } else {
    for (int e = 0; e < s.n; e++) {
      const Num* row = row_0 + s.id[e] * static_cast<ptrdiff_t>(stride);
      const auto x = splat(static_cast<Num>(s.payload[e]));
#pragma GCC unroll 8
      for (int q = 0; q < Q; q++) total[q] = total[q] + x * load(row + q * BLOCK);
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < Q; q++) sum[q] = total[q];
}

// Lets one spike walk through a dense part into memory.
template <class Num>
LAVA_INLINE int scatter_dense(const Layout& net, const Part& p, const Num* weights, int row, Num payload,
                              Arrivals<Num>& to) {
  const Layer& l = net.layers[p.target];
  const Num* from = weights + p.weights + row * p.stride;
  const auto x = splat(payload);
  for (int b = 0; b < l.blocks; b++) {
    Num* at = &to.sum[static_cast<size_t>(l.block + b) * BLOCK];
    store(at, load(at) + x * load(from + b * BLOCK));
    to.touch(l.block + b, net.exists[l.block + b]);
  }
  return p.n_target;
}

// The adjoint of add_rows for a tile: adds to the gradient of the rows, and to what their sources get. `grad_source` is
// by place. P: payloads; those that are counts are all 1.
template <class Real, int Q, class P>
LAVA_INLINE void rows_adjoint(const Real* weights, Real* gradient, size_t stride, const SpikesOf<P>& s,
                              const Blocks<Real, Q>& arriving, const int32_t* place_of, Real* grad_source) {
  const ptrdiff_t step = static_cast<ptrdiff_t>(stride), offset = s.first * step;
  for (int e = 0; e < s.n; e++) {
    const Real* row = weights + s.id[e] * step - offset;
    Real* to = gradient + s.id[e] * step - offset;
    auto total = zero<Real>();
    [[maybe_unused]] Block<Real> payload;
    if constexpr (!std::is_same_v<P, int32_t>) payload = splat(static_cast<Real>(s.payload[e]));
#pragma GCC unroll 8
    for (int q = 0; q < Q; q++) {
      total = total + load(row + q * BLOCK) * arriving[q];
      if constexpr (std::is_same_v<P, int32_t>) {
        store(to + q * BLOCK, load(to + q * BLOCK) + arriving[q]);
      } else {
        store(to + q * BLOCK, load(to + q * BLOCK) + payload * arriving[q]);
      }
    }
    grad_source[place_of[s.id[e]]] += sum(total);
  }
}
// The same where nobody asks what the sources get: input.
template <class Real, int Q, class P>
LAVA_INLINE void rows_adjoint(Real* gradient, size_t stride, const SpikesOf<P>& s, const Blocks<Real, Q>& arriving) {
  const ptrdiff_t step = static_cast<ptrdiff_t>(stride), offset = s.first * step;
  for (int e = 0; e < s.n; e++) {
    Real* to = gradient + s.id[e] * step - offset;
    if (s.payload == nullptr) {
#pragma GCC unroll 8
      for (int q = 0; q < Q; q++) store(to + q * BLOCK, load(to + q * BLOCK) + arriving[q]);
    } else {
      const auto x = splat(static_cast<Real>(s.payload[e]));
#pragma GCC unroll 8
      for (int q = 0; q < Q; q++) store(to + q * BLOCK, load(to + q * BLOCK) + x * arriving[q]);
    }
  }
}

// The adjoint of scatter_dense. GRADIENT: whether weights get one (payload times what arrives); returns what the source
// gets.
template <bool GRADIENT, class Real>
LAVA_INLINE Real dense_adjoint(const Layout& net, const Part& p, int row, Real payload, const Adjoint<Real>& a) {
  const Layer& l = net.layers[p.target];
  const size_t from = p.weights + row * p.stride;
  const auto x = splat(payload);
  auto total = zero<Real>();
  for (int b = 0; b < l.blocks; b++) {
    const auto arriving = load(a.arriving + static_cast<size_t>(l.block + b) * BLOCK);
    total = total + load(a.weights + from + b * BLOCK) * arriving;
    if constexpr (GRADIENT) {
      Real* to = a.gradient + from + b * BLOCK;
      store(to, load(to) + x * arriving);
    }
  }
  return sum(total);
}

}  // namespace LAVA_ISA
}  // namespace lava_async
