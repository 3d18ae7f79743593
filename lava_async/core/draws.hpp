// Random numbers by counting, as lava_async/draws.py (semantics, section 4).
#pragma once
#include <cstdint>

namespace lava_async {

constexpr uint64_t G = 0x9E3779B97F4A7C15ull;
constexpr uint64_t MIX_1 = 0xBF58476D1CE4E5B9ull, MIX_2 = 0x94D049BB133111EBull;

enum Stream : uint64_t { RANDOM_SCHEDULE, REFRACTORY_DROPOUT, INPUT_DROPOUT, MOMENTUM_NOISE };

// The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
inline uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * MIX_1;
  z = (z ^ (z >> 27)) * MIX_2;
  return z ^ (z >> 31);
}
// The hash h continued by x; negative numbers in two's complement.
inline uint64_t fold(uint64_t h, int64_t x) { return mix(h ^ (static_cast<uint64_t>(x) * G)); }
// In [0, 1).
inline double unit(uint64_t h) { return static_cast<double>(h >> 11) * 0x1p-53; }

}  // namespace lava_async
