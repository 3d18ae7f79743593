// Blocks of 16 neurons: vectors, masks, and what takes both.
#pragma once
#include "masks.hpp"

namespace lava_async {
namespace LAVA_ISA {

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
