// Vectors of 16 lanes, one lane per neuron: the only file that knows the instruction set.
//
// Everything that computes is compiled once per instruction set into a namespace of its own, LAVA_ISA. A block has 16
// lanes on all of them, sums over lanes are added in one fixed order and products are never contracted into sums, so
// results are the same to the last bit everywhere.
#pragma once
#include <cstdint>
#include <type_traits>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if !defined(LAVA_INLINE)
#define LAVA_INLINE inline __attribute__((always_inline))
#endif

#include "geometry.hpp"

namespace lava_async {
namespace LAVA_ISA {

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define LAVA_AVX512 1
constexpr int NATIVE_BYTES = 64;
#elif defined(__AVX2__)
constexpr int NATIVE_BYTES = 32;
#else
constexpr int NATIVE_BYTES = 16;
#endif
// Blocks whose sums fit into half of the registers.
constexpr int TILE = NATIVE_BYTES == 64 ? 8 : NATIVE_BYTES == 32 ? 4 : 2;

template <class T>
constexpr int lanes = NATIVE_BYTES / static_cast<int>(sizeof(T));
template <class T>
constexpr int pieces = BLOCK / lanes<T>;

// may_alias: to GCC a vector in memory is another object than the numbers that it consists of, and without it accesses
// of both kinds to one array are reordered: wrong results at -O3, of which no sanitizer says a word.
template <class T>
struct NativeOf;
template <>
struct NativeOf<float> {
  typedef float type __attribute__((vector_size(NATIVE_BYTES), may_alias));
};
template <>
struct NativeOf<int32_t> {
  typedef int32_t type __attribute__((vector_size(NATIVE_BYTES), may_alias));
};
template <>
struct NativeOf<double> {
  typedef double type __attribute__((vector_size(NATIVE_BYTES), may_alias));
};
template <>
struct NativeOf<int64_t> {
  typedef int64_t type __attribute__((vector_size(NATIVE_BYTES), may_alias));
};
template <class T>
using Native = typename NativeOf<T>::type;

template <class T>
struct Block {
  Native<T> piece[pieces<T>];
};

#define LAVA_EACH(T) for (int p = 0; p < pieces<T>; p++)

template <class T>
LAVA_INLINE Block<T> load(const T* x) {
  Block<T> r;
  LAVA_EACH(T) r.piece[p] = *reinterpret_cast<const Native<T>*>(x + p * lanes<T>);
  return r;
}
template <class T>
LAVA_INLINE void store(T* to, Block<T> x) {
  LAVA_EACH(T) *reinterpret_cast<Native<T>*>(to + p * lanes<T>) = x.piece[p];
}
// The same at any address.
template <class T>
LAVA_INLINE Block<T> load_unaligned(const T* x) {
  Block<T> r;
  __builtin_memcpy(&r, x, sizeof r);
  return r;
}
template <class T>
LAVA_INLINE void store_unaligned(T* to, Block<T> x) {
  __builtin_memcpy(to, &x, sizeof x);
}
template <class T>
LAVA_INLINE Block<T> splat(T x) {
  Block<T> r;
  LAVA_EACH(T) r.piece[p] = x - Native<T>{};
  return r;
}
template <class T>
LAVA_INLINE Block<T> zero() {
  Block<T> r;
  LAVA_EACH(T) r.piece[p] = Native<T>{};
  return r;
}
template <class T>
LAVA_INLINE Block<T> operator+(Block<T> a, Block<T> b) {
  LAVA_EACH(T) a.piece[p] += b.piece[p];
  return a;
}
template <class T>
LAVA_INLINE Block<T> operator-(Block<T> a, Block<T> b) {
  LAVA_EACH(T) a.piece[p] -= b.piece[p];
  return a;
}
template <class T>
LAVA_INLINE Block<T> operator*(Block<T> a, Block<T> b) {
  LAVA_EACH(T) a.piece[p] *= b.piece[p];
  return a;
}
template <class T>
LAVA_INLINE Block<T> operator/(Block<T> a, Block<T> b) {
  LAVA_EACH(T) a.piece[p] /= b.piece[p];
  return a;
}
template <class T>
LAVA_INLINE Block<T> operator>>(Block<T> a, int n) {
  LAVA_EACH(T) a.piece[p] >>= n;
  return a;
}
template <class T>
LAVA_INLINE Block<T> operator<<(Block<T> a, int n) {
  LAVA_EACH(T) a.piece[p] <<= n;
  return a;
}

// Conversions.
template <class To, class From>
LAVA_INLINE Block<To> to(Block<From> x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (sizeof(To) == sizeof(From)) {
    Block<To> r;
    LAVA_EACH(To) r.piece[p] = __builtin_convertvector(x.piece[p], Native<To>);
    return r;
  } else {
    From all[BLOCK] __attribute__((aligned(64)));
    To converted[BLOCK] __attribute__((aligned(64)));
    store(all, x);
    for (int i = 0; i < BLOCK; i++) converted[i] = static_cast<To>(all[i]);
    return load(converted);
  }
}
LAVA_INLINE Block<float> as_float(Block<int32_t> x) {
  Block<float> r;
  LAVA_EACH(float) r.piece[p] = reinterpret_cast<Native<float>&>(x.piece[p]);
  return r;
}

// Comparisons give a mask, which chooses lanes; `bits` and `mask` convert between masks and 16 bits.
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

// Numbers of 64 bits, for sums that need them and for gradients that are checked: a lane at a time.
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

template <class T>
LAVA_INLINE Block<T> abs(Block<T> x) {
  return select(gt(zero<T>(), x), zero<T>() - x, x);
}

// The sum of all lanes: lanes i and i + 8 first, then i and i + 4, and so on.
template <class T>
LAVA_INLINE T sum(Block<T> x) {
#if defined(LAVA_AVX512)
  if constexpr (std::is_same_v<T, float>) {
    const __m512 all = reinterpret_cast<__m512&>(x);
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
#endif
  T all[BLOCK] __attribute__((aligned(64)));
  store(all, x);
  for (int i = 0; i < 8; i++) all[i] += all[i + 8];
  for (int i = 0; i < 4; i++) all[i] += all[i + 4];
  for (int i = 0; i < 2; i++) all[i] += all[i + 2];
  return all[0] + all[1];
}

// Writes the chosen lanes one after another; up to 16 entries may change. Returns how many were chosen.
LAVA_INLINE int compress(int32_t* at, Block<int32_t> x, Bits chosen) {
#if defined(LAVA_AVX512)
  // Into a register first: a compressing store is many times slower on some processors.
  _mm512_storeu_si512(at, _mm512_maskz_compress_epi32(chosen, reinterpret_cast<__m512i&>(x)));
  return __builtin_popcount(chosen);
#else
  int32_t all[BLOCK] __attribute__((aligned(64)));
  store(all, x);
  int n = 0;
  for (int i = 0; i < BLOCK; i++) {
    at[n] = all[i];
    n += chosen >> i & 1;
  }
  return n;
#endif
}

}  // namespace LAVA_ISA
}  // namespace lava_async
