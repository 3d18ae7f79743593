// The pending neurons of one sample, and which of them are delivered next (semantics, section 4).
//
// Keys are drawn again in each forward step, so selection among n pending neurons costs n hashes; all
// else here sees to it that it costs little more.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>

#include "memory.hpp"
#include "order.hpp"
#include "sorter.hpp"

namespace lava_async {
namespace LAVA_ISA {

class Queue {
 public:
  // Pending sources, in no order, unless `ranked`; `group` is the last selection, ascending. Both have room for more
  // than there are, since they are written by whole blocks.
  Array<int32_t> pending, group;
  int n = 0;

  void make(int n_inputs, int n_neurons) {
    const size_t room = static_cast<size_t>(n_inputs) + n_neurons + 4 * BLOCK;
    for (Array<int32_t>* x : {&pending, &group, &high_, &position_, &picked_}) x->reserve(room);
    scaled_.reserve(room);
    low_.reserve(room / BLOCK + 8);
    sorter_.make(n_inputs, n_neurons);
  }
  void begin(const Order& order) {
    order_ = order;
    ranked_ = order.is_constant() && order.first != NONE;
    // Without an order (replay) nothing is selected here.
    drawn_ = (order.first == DRAW || order.first == NONE) && order.second == NONE;
    if (!ranked_ && !drawn_) emission_.reserve(pending.size());
    clear();
  }
  void clear() { n = n_scaled_ = 0; }
  // Whether a spike is just its source, which may then be appended to `pending`.
  bool is_plain() const { return drawn_; }

  void push(int source, const Emission& e) {
    if (ranked_) {
      heap_.reserve(n + 1);
      heap_[n++] = {key_of(order_, order_.first, source, e, {}), key_of(order_, order_.second, source, e, {}), source};
      std::push_heap(heap_.get(), heap_.get() + n);
      return;
    }
    if (!drawn_) emission_[n] = e;
    pending[n++] = source;
  }
  template <class F>
  void each(F f) const {
    for (int a = 0; a < n; a++) f(ranked_ ? heap_[a].source : pending[a]);
  }

  // Moves at most `group_size` pending sources to `group`; returns how many.
  int select(int group_size, const StepDraws& draws) {
    const int m = std::min(n, group_size);
    const int32_t* picked = pending.get();
    if (m == n) {
      if (ranked_) {
        for (int a = 0; a < n; a++) picked_[a] = heap_[a].source;
        picked = picked_.get();
      }
      n_scaled_ = 0;
    } else if (ranked_) {
      for (int a = 0; a < m; a++) {
        std::pop_heap(heap_.get(), heap_.get() + n - a);
        picked_[a] = heap_[n - a - 1].source;
      }
      picked = picked_.get();
    } else {
      picked = picked_.get();
      int first = 0;
      if (!drawn_ || !select_drawn(m, draws.schedule, &first)) select_any(first, m, draws);
    }
    sorter_.sort(group.get(), picked, m);
    n -= m;
    return m;
  }

  // Moves these sources to `group`, which must be pending; they ascend.
  void take(const int32_t* sources, int m) {
    std::copy(sources, sources + m, group.get());
    int rest = 0;
    for (int a = 0; a < n; a++) {
      if (!std::binary_search(sources, sources + m, pending[a])) pending[rest++] = pending[a];
    }
    n = rest;
    n_scaled_ = 0;
  }

 private:
  // Where keys are known when a spike is emitted, a heap gives the first ones without a look at all.
  struct Ranked {
    uint64_t first, second;
    int32_t source;
    bool operator<(const Ranked& b) const {  // heaps of the standard library have the largest on top
      return first != b.first ? first > b.first : second != b.second ? second > b.second : source > b.source;
    }
  };
  static constexpr int FEW = 3 * BLOCK;  // up to so many are compared each with each

  Order order_;
  bool ranked_ = false, drawn_ = true;
  int n_scaled_ = 0;
  Array<Ranked> heap_;
  Array<Emission> emission_;
  Array<uint64_t> scaled_;  // the first n_scaled_ pending sources times G, with which each key begins
  Array<Bits> low_;         // by 16 pending sources: whose keys are below a limit
  Array<int32_t> high_, position_, picked_;
  SourceSorter sorter_;
  struct Keyed {
    uint64_t first, second;
    int32_t source, place;
    bool operator<(const Keyed& b) const {
      return first != b.first ? first < b.first : second != b.second ? second < b.second : source < b.source;
    }
  };
  Array<Keyed> keyed_;

  // The high 31 bits of keys, by whole blocks.
  static LAVA_INLINE void draw_high(int32_t* high, const int32_t* sources, int n, uint64_t draw) {
    for (int begin = 0; begin < n; begin += BLOCK) {
      for (int a = begin; a < begin + BLOCK; a++) high[a] = static_cast<int32_t>(fold(draw, sources[a]) >> 33);
    }
  }

  // Picks m sources by drawn keys into `picked_`. False if the high bits of keys do not decide, or too many are left:
  // then the m are among those from *first on.
  bool select_drawn(int m, uint64_t draw, int* first) {
    if (n <= FEW) {
      n_scaled_ = 0;
      draw_high(high_.get(), pending.get(), n, draw);
      return rank_few(0, n, m);
    }
    int few = 0;
    for (double wide = 1; few < m; wide *= 2) few = find_likely(m, draw, wide);
    *first = n - few;
    return few <= FEW && rank_few(*first, few, m);
  }

  // Among many, those with low keys are likely to be picked: moves about wide (m + 4 sqrt(m)) of them to the end, and
  // the high bits of their keys to the front of `high_`; returns how many.
  int find_likely(int m, uint64_t draw, double wide) {
    const double share = wide * (m + 4 * std::sqrt(static_cast<double>(m))) / n;
    if (share >= 1) {
      n_scaled_ = 0;
      draw_high(high_.get(), pending.get(), n, draw);
      return n;
    }
    const int32_t limit = static_cast<int32_t>(share * 0x1p31);
    const int blocks = (n + BLOCK - 1) / BLOCK;
    int* at = position_.get();
#if defined(LAVA_AVX512)
    for (int a = n_scaled_; a < n; a++) scaled_[a] = static_cast<uint64_t>(static_cast<int64_t>(pending[a])) * G;
#endif
    for (int b = 0; b < blocks; b++) low_[b] = draw_below(b * BLOCK, draw, limit);
    if (n % BLOCK) low_[blocks - 1] &= static_cast<Bits>((1 << n % BLOCK) - 1);
    for (int b = blocks; b % 4; b++) low_[b] = 0;
    int few = 0;
    for (int b = 0; b < blocks; b += 4) {
      // Two of 64 at once without a branch: how many there are cannot be predicted.
      uint64_t word, rest;
      std::memcpy(&word, &low_[b], sizeof word);
      rest = word & (word - 1);
      at[few] = b * BLOCK + __builtin_ctzll(word | 1ull << 63);
      at[few + 1] = b * BLOCK + __builtin_ctzll(rest | 1ull << 63);
      const int found = __builtin_popcountll(word);
      if (found > 2) {
        rest &= rest - 1;
        for (int e = few + 2; rest; rest &= rest - 1) at[e++] = b * BLOCK + __builtin_ctzll(rest);
      }
      few += found;
    }
    for (int a = few - 1, last = n - 1; a >= 0; a--, last--) {
      std::swap(pending[at[a]], pending[last]);
      scaled_[at[a]] = scaled_[last];
    }
    n_scaled_ = n - few;
    draw_high(high_.get(), &pending[n - few], few, draw);
    return few;
  }

  // Which of 16 keys have high 31 bits below a limit.
  LAVA_INLINE Bits draw_below(int at, uint64_t draw, int32_t limit) const {
#if defined(LAVA_AVX512)
    const __m512i d = _mm512_set1_epi64(draw), c1 = _mm512_set1_epi64(MIX_1), c2 = _mm512_set1_epi64(MIX_2);
    const __m512i most = _mm512_set1_epi64(static_cast<uint64_t>(limit) << 33);
    __mmask8 low[2];
    for (int p = 0; p < 2; p++) {
      __m512i z = _mm512_xor_si512(_mm512_loadu_si512(&scaled_[at + 8 * p]), d);
      z = _mm512_mullo_epi64(_mm512_xor_si512(z, _mm512_srli_epi64(z, 30)), c1);
      // What follows the second product in `mix` leaves the high 31 bits as they are.
      z = _mm512_mullo_epi64(_mm512_xor_si512(z, _mm512_srli_epi64(z, 27)), c2);
      low[p] = _mm512_cmplt_epu64_mask(z, most);
    }
    return static_cast<Bits>(low[0] | low[1] << 8);
#else
    int32_t high[BLOCK] __attribute__((aligned(64)));
    draw_high(high, &pending[at], BLOCK, draw);
    return bits(gt(splat(limit), load(high)));
#endif
  }

  // Ranks the `few` entries from `first` on by `high_`: the m lowest go to `picked_`, the others stay in front of them.
  // False if two keys are equal at the border.
  bool rank_few(int first, int few, int m) {
    return few <= BLOCK ? rank<1>(first, few, m) : few <= 2 * BLOCK ? rank<2>(first, few, m) : rank<3>(first, few, m);
  }
  template <int Q>
  LAVA_INLINE bool rank(int first, int few, int m) {
    int32_t *high = high_.get(), *entries = &pending[first];
    for (int a = few; a < Q * BLOCK; a++) high[a] = INT32_MAX;
    std::array<Block<int32_t>, Q> key, lower;
#pragma GCC unroll 8
    for (int q = 0; q < Q; q++) {
      key[q] = load(high + q * BLOCK);
      lower[q] = zero<int32_t>();
    }
    for (int b = 0; b < few; b++) {
      const auto x = splat(high[b]);
#pragma GCC unroll 8
      for (int q = 0; q < Q; q++) lower[q] = count_lanes(gt(key[q], x), lower[q]);
    }
    Bits chosen[Q];
    int found = 0, rest = 0;
#pragma GCC unroll 8
    for (int q = 0; q < Q; q++) {
      chosen[q] = bits(gt(splat(m), lower[q]));
      found += __builtin_popcount(chosen[q]);
    }
    if (found != m) return false;
    found = 0;
#pragma GCC unroll 8
    for (int q = 0; q < Q; q++) {
      const auto some = load_unaligned(entries + q * BLOCK);
      const int left = few - q * BLOCK;
      const Bits valid = left >= BLOCK ? ALL_BITS : static_cast<Bits>((1 << left) - 1);
      found += compress(&picked_[found], some, chosen[q]);
      rest += compress(entries + rest, some, static_cast<Bits>(valid & ~chosen[q]));
    }
    return true;
  }
  // Any keys, any number: the m first of the entries from `first` on go to `picked_`, the others stay.
  void select_any(int first, int m, const StepDraws& draws) {
    const int some = n - first;
    n_scaled_ = std::min(n_scaled_, first);
    keyed_.reserve(some);
    for (int a = 0; a < some; a++) {
      const int source = pending[first + a];
      const Emission e = drawn_ ? Emission{} : emission_[first + a];
      keyed_[a] = {key_of(order_, order_.first, source, e, draws), key_of(order_, order_.second, source, e, draws),
                   source, first + a};
    }
    std::nth_element(keyed_.get(), keyed_.get() + m - 1, keyed_.get() + some);
    for (int a = 0; a < m; a++) {
      picked_[a] = keyed_[a].source;
      position_[a] = keyed_[a].place;
    }
    std::sort(position_.get(), position_.get() + m);
    for (int a = position_[0], rest = a, next = 0; a < n; a++) {
      if (next < m && position_[next] == a) {
        next++;
        continue;
      }
      pending[rest] = pending[a];
      if (!drawn_) emission_[rest] = emission_[a];
      rest++;
    }
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
