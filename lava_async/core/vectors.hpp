// Vectors of 16 lanes, one lane per neuron. Only this file, masks.hpp and blocks.hpp know the instruction set.
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

// Unrolled, as all loops over the blocks of a tile are: what is indexed by a loop that is left lies in memory.
#define LAVA_EACH(T) _Pragma("GCC unroll 8") for (int p = 0; p < pieces<T>; p++)

template <class T>
LAVA_INLINE Block<T> load(const T* x) {
  Block<T> r;
  LAVA_EACH(T) r.piece[p] = *reinterpret_cast<const Native<T>*>(x + p * lanes<T>);
  return r;
}
template <class T>
LAVA_INLINE void store(T* to, Block<T> x) {
  LAVA_EACH(T) * reinterpret_cast<Native<T>*>(to + p * lanes<T>) = x.piece[p];
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
#if defined(LAVA_AVX512)
  } else if constexpr (std::is_same_v<To, float> && std::is_same_v<From, int64_t>) {
    Block<float> r;
    reinterpret_cast<__m512&>(r) =
        _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtepi64_ps(reinterpret_cast<__m512i&>(x.piece[0]))),
                           _mm512_cvtepi64_ps(reinterpret_cast<__m512i&>(x.piece[1])), 1);
    return r;
#endif
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

}  // namespace LAVA_ISA
}  // namespace lava_async
