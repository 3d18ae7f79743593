// Sorts sources, which are all different: a group is delivered in ascending order.
#pragma once
#include <algorithm>

#include "blocks.hpp"
#include "memory.hpp"

namespace lava_async {
namespace LAVA_ISA {

// Counts up where the mask says so.
LAVA_INLINE Block<int32_t> count_lanes(Mask m, Block<int32_t> count) { return select(m, count + splat(1), count); }

class SourceSorter {
 public:
  void make(int n_inputs, int n_neurons) {
    n_inputs_ = n_inputs;
    marks_ = Array<uint64_t>((static_cast<size_t>(n_inputs) + n_neurons) / 64 + 1);
  }
  // `from` has room for whole blocks.
  void sort(int32_t* to, const int32_t* from, int m) {
    if (m > SHORT) {
      sort_by_marks(to, from, m);
      return;
    }
    // Each takes the place that tells how many are lower.
    for (int begin = 0; begin < m; begin += BLOCK) {
      const auto some = load_unaligned(from + begin);
      auto lower = zero<int32_t>();
      for (int b = 0; b < m; b++) lower = count_lanes(gt(some, splat(from[b])), lower);
      int32_t at[BLOCK] __attribute__((aligned(64)));
      store(at, lower);
      for (int a = 0; a < std::min(BLOCK, m - begin); a++) to[at[a]] = from[begin + a];
    }
  }

 private:
  static constexpr int SHORT = 64;
  int n_inputs_ = 0;
  Array<uint64_t> marks_;

  // By a bit for each source: one pass over all bits costs less than comparisons.
  void sort_by_marks(int32_t* to, const int32_t* from, int m) {
    int low = INT32_MAX, high = 0;
    for (int a = 0; a < m; a++) {
      const int bit = from[a] + n_inputs_;
      marks_[bit / 64] |= 1ull << bit % 64;
      low = std::min(low, bit / 64);
      high = std::max(high, bit / 64);
    }
    for (int w = low; w <= high; w++) {
      for (uint64_t left = marks_[w]; left; left &= left - 1) *to++ = w * 64 + __builtin_ctzll(left) - n_inputs_;
      marks_[w] = 0;
    }
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
