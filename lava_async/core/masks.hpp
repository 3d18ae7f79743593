// Comparisons of blocks give a mask, which chooses lanes; `bits` and `mask` convert between masks and 16 bits.
#pragma once
#include "vectors.hpp"

namespace lava_async {
namespace LAVA_ISA {

#if defined(LAVA_AVX512)
struct Mask {
  __mmask16 k;
};
LAVA_INLINE Bits bits(Mask m) { return m.k; }
LAVA_INLINE Mask mask(Bits b) { return {b}; }
LAVA_INLINE Mask operator&(Mask a, Mask b) { return {static_cast<__mmask16>(a.k & b.k)}; }
LAVA_INLINE Mask operator~(Mask a) { return {static_cast<__mmask16>(~a.k)}; }
LAVA_INLINE Mask gt(Block<float> a, Block<float> b) {
  return {_mm512_cmp_ps_mask(reinterpret_cast<__m512&>(a), reinterpret_cast<__m512&>(b), _CMP_GT_OQ)};
}
LAVA_INLINE Mask ge(Block<float> a, Block<float> b) {
  return {_mm512_cmp_ps_mask(reinterpret_cast<__m512&>(a), reinterpret_cast<__m512&>(b), _CMP_GE_OQ)};
}
LAVA_INLINE Mask gt(Block<int32_t> a, Block<int32_t> b) {
  return {_mm512_cmpgt_epi32_mask(reinterpret_cast<__m512i&>(a), reinterpret_cast<__m512i&>(b))};
}
LAVA_INLINE Mask ge(Block<int32_t> a, Block<int32_t> b) {
  return {_mm512_cmpge_epi32_mask(reinterpret_cast<__m512i&>(a), reinterpret_cast<__m512i&>(b))};
}
LAVA_INLINE Block<float> select(Mask m, Block<float> a, Block<float> b) {
  Block<float> r;
  reinterpret_cast<__m512&>(r) = _mm512_mask_blend_ps(m.k, reinterpret_cast<__m512&>(b), reinterpret_cast<__m512&>(a));
  return r;
}
LAVA_INLINE Block<int32_t> select(Mask m, Block<int32_t> a, Block<int32_t> b) {
  Block<int32_t> r;
  reinterpret_cast<__m512i&>(r) =
      _mm512_mask_blend_epi32(m.k, reinterpret_cast<__m512i&>(b), reinterpret_cast<__m512i&>(a));
  return r;
}
LAVA_INLINE void store_where(float* at, Mask m, Block<float> x) {
  _mm512_mask_store_ps(at, m.k, reinterpret_cast<__m512&>(x));
}
LAVA_INLINE void store_where(int32_t* at, Mask m, Block<int32_t> x) {
  _mm512_mask_store_epi32(at, m.k, reinterpret_cast<__m512i&>(x));
}
#else
struct Mask {
  Native<int32_t> piece[pieces<int32_t>];
};
template <class T, class = std::enable_if_t<sizeof(T) == 4>>
LAVA_INLINE Mask gt(Block<T> a, Block<T> b) {
  Mask m;
  LAVA_EACH(T) m.piece[p] = a.piece[p] > b.piece[p];
  return m;
}
template <class T, class = std::enable_if_t<sizeof(T) == 4>>
LAVA_INLINE Mask ge(Block<T> a, Block<T> b) {
  Mask m;
  LAVA_EACH(T) m.piece[p] = a.piece[p] >= b.piece[p];
  return m;
}
LAVA_INLINE Mask operator&(Mask a, Mask b) {
  LAVA_EACH(int32_t) a.piece[p] &= b.piece[p];
  return a;
}
LAVA_INLINE Mask operator~(Mask a) {
  LAVA_EACH(int32_t) a.piece[p] = ~a.piece[p];
  return a;
}
template <class T, class = std::enable_if_t<sizeof(T) == 4>>
LAVA_INLINE Block<T> select(Mask m, Block<T> a, Block<T> b) {
  LAVA_EACH(T) a.piece[p] = m.piece[p] ? a.piece[p] : b.piece[p];
  return a;
}
template <class T, class = std::enable_if_t<sizeof(T) == 4>>
LAVA_INLINE void store_where(T* at, Mask m, Block<T> x) {
  store(at, select(m, x, load(at)));
}
LAVA_INLINE Mask mask(Bits b) {
  Mask m;
  LAVA_EACH(int32_t) {
    Native<int32_t> bit;
    for (int i = 0; i < lanes<int32_t>; i++) bit[i] = 1 << (p * lanes<int32_t> + i);
    m.piece[p] = ((static_cast<int32_t>(b) - Native<int32_t>{}) & bit) != 0;
  }
  return m;
}
LAVA_INLINE Bits bits(Mask m) {
  unsigned b = 0;
#if defined(__AVX2__)
  LAVA_EACH(int32_t) {
    b |= static_cast<unsigned>(_mm256_movemask_ps(reinterpret_cast<__m256&>(m.piece[p]))) << (p * lanes<int32_t>);
  }
#elif defined(__SSE2__)
  LAVA_EACH(int32_t) {
    b |= static_cast<unsigned>(_mm_movemask_ps(reinterpret_cast<__m128&>(m.piece[p]))) << (p * lanes<int32_t>);
  }
#else
  LAVA_EACH(int32_t) {
    for (int i = 0; i < lanes<int32_t>; i++) b |= static_cast<unsigned>(m.piece[p][i] & 1) << (p * lanes<int32_t> + i);
  }
#endif
  return static_cast<Bits>(b);
}
#endif

#if defined(LAVA_AVX512)
LAVA_INLINE Mask joined(__mmask8 low, __mmask8 high) { return {static_cast<__mmask16>(low | high << 8)}; }
LAVA_INLINE Mask gt(Block<int64_t> a, Block<int64_t> b) {
  const auto half = [&](int p) {
    return _mm512_cmpgt_epi64_mask(reinterpret_cast<__m512i&>(a.piece[p]), reinterpret_cast<__m512i&>(b.piece[p]));
  };
  return joined(half(0), half(1));
}
LAVA_INLINE Mask ge(Block<int64_t> a, Block<int64_t> b) { return ~gt(b, a); }
LAVA_INLINE Block<int64_t> select(Mask m, Block<int64_t> a, Block<int64_t> b) {
  for (int p = 0; p < 2; p++) {
    reinterpret_cast<__m512i&>(a.piece[p]) =
        _mm512_mask_blend_epi64(static_cast<__mmask8>(m.k >> 8 * p), reinterpret_cast<__m512i&>(b.piece[p]),
                                reinterpret_cast<__m512i&>(a.piece[p]));
  }
  return a;
}
#endif

// Other numbers of 64 bits, for sums that need them and for gradients that are checked: a lane at a time.
template <class T, class F, class = std::enable_if_t<sizeof(T) == 8>>
LAVA_INLINE Mask compare_lanes(Block<T> a, Block<T> b, F holds) {
  T x[BLOCK] __attribute__((aligned(64))), y[BLOCK] __attribute__((aligned(64)));
  store(x, a);
  store(y, b);
  unsigned found = 0;
  for (int i = 0; i < BLOCK; i++) found |= static_cast<unsigned>(holds(x[i], y[i])) << i;
  return mask(static_cast<Bits>(found));
}
template <class T, class = std::enable_if_t<sizeof(T) == 8>, class = void>
LAVA_INLINE Mask gt(Block<T> a, Block<T> b) {
  return compare_lanes(a, b, [](T x, T y) { return x > y; });
}
template <class T, class = std::enable_if_t<sizeof(T) == 8>, class = void>
LAVA_INLINE Mask ge(Block<T> a, Block<T> b) {
  return compare_lanes(a, b, [](T x, T y) { return x >= y; });
}
template <class T, class = std::enable_if_t<sizeof(T) == 8>, class = void>
LAVA_INLINE Block<T> select(Mask m, Block<T> a, Block<T> b) {
  T x[BLOCK] __attribute__((aligned(64))), y[BLOCK] __attribute__((aligned(64)));
  store(x, a);
  store(y, b);
  const Bits chosen = bits(m);
  for (int i = 0; i < BLOCK; i++) x[i] = chosen >> i & 1 ? x[i] : y[i];
  return load(x);
}
template <class T, class = std::enable_if_t<sizeof(T) == 8>, class = void>
LAVA_INLINE void store_where(T* at, Mask m, Block<T> x) {
  store(at, select(m, x, load(at)));
}

}  // namespace LAVA_ISA
}  // namespace lava_async
