// Convolutions: a spike adds a few runs of whole blocks, see conv_layout.hpp; forward and its adjoint.
#pragma once
#include "dense.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class Num>
LAVA_INLINE int scatter_conv(const Layout& net, const Part& p, const Num* weights, int row, Num payload,
                             Arrivals<Num>& to) {
  const ConvLayout::Walk w = p.there.walk(row);
  const Num* from = weights + p.weights + w.weights;
  ptrdiff_t block = net.layers[p.target].block + w.block;
  for (int r = 0; r < w.rows; r++, from += w.row_step, block += w.block_step) {
    for (int b = 0; b < w.blocks; b++) {
      Num* at = &to.sum[static_cast<size_t>(block + b) * BLOCK];
      const auto brought = load(from + b * BLOCK);
      store(at, load(at) + (payload == 1 ? brought : splat(payload) * brought));
      to.touch(static_cast<int>(block + b), w.masks[b]);
    }
  }
  return w.synapses;
}

template <bool GRADIENT, bool SOURCE, class Real>
LAVA_INLINE Real conv_adjoint(const Layout& net, const Part& p, int row, Real payload, const Adjoint<Real>& a) {
  const ConvLayout::Walk w = p.there.walk(row);
  size_t from = p.weights + w.weights;
  const Real* arriving = a.arriving + (net.layers[p.target].block + w.block) * BLOCK;
  const auto x = splat(payload);
  auto total = zero<Real>();
  for (int r = 0; r < w.rows; r++, from += w.row_step, arriving += w.block_step * BLOCK) {
    for (int b = 0; b < w.blocks; b++) {
      const auto here = load(arriving + b * BLOCK);
      if constexpr (SOURCE) total = total + load(a.weights + from + b * BLOCK) * here;
      if constexpr (GRADIENT) {
        Real* to = a.gradient + from + b * BLOCK;
        store(to, load(to) + x * here);
      }
    }
  }
  return SOURCE ? sum(total) : Real(0);
}

// Adds W^T `later` to what all sources of a convolution get: each target gives to the places that reach it, all
// channels at once. f(block, sum) takes what a block of sources gets.
template <class Real, class F>
LAVA_INLINE void conv_transposed(const Layout& net, const Part& p, const Real* turned, const Real* later, F f) {
  const Layer &from = net.layers[p.source], &to = net.layers[p.target];
  const ConvLayout& back = p.back;
  for (size_t y = 0; y < back.rows.size(); y++) {
    for (int x = 0; x < back.width; x++) {
      const ConvLayout::Row& row = back.rows[y];
      const ConvLayout::Column& column = back.columns[x];
      const ConvLayout::Pattern& pattern = back.patterns[column.pattern];
      if (row.n == 0 || pattern.n == 0) continue;
      const Real* given = later + static_cast<size_t>(to.block + y * to.row_blocks) * BLOCK + x * to.lane;
      const Real* weights = turned + p.turned + pattern.weights + row.entry * pattern.kernel_row;
      const ptrdiff_t first = from.block + row.block + column.block + back.runs[column.pattern].first;
      // Reached rows lie one after another among the weights, since a target reaches each row of the kernel.
      each_tile(row.n * pattern.blocks, [&](auto q_, int b) {
        constexpr int Q = decltype(q_)::value;
        Blocks<Real, Q> total;
#pragma GCC unroll 8
        for (auto& t : total) t = zero<Real>();
        const Real* of = weights + static_cast<size_t>(b) * BLOCK;
        for (int o = 0; o < back.channels; o++, of += pattern.channel_step) {
          const auto g = splat(given[o]);
#pragma GCC unroll 8
          for (int q = 0; q < Q; q++) total[q] = total[q] + load(of + q * BLOCK) * g;
        }
#pragma GCC unroll 8
        for (int q = 0; q < Q; q++) {
          f(first + (b + q) / pattern.blocks * back.block_step + (b + q) % pattern.blocks, total[q]);
        }
      });
    }
  }
}

}  // namespace LAVA_ISA
}  // namespace lava_async
