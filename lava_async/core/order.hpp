// How a schedule ranks pending neurons (semantics, section 4): by one or two terms, then by number. Ascending keys of
// 64 bits are the order, so one comparison serves all schedules.
#pragma once
#include <cstdint>
#include <cstring>

#include "draws.hpp"

namespace lava_async {

// As lava_async.schedules.Term; a negative term ranks descending.
enum Term { NONE, DRAW, MOMENTUM, EMITTED, LAYER };

struct Order {
  int first = NONE, second = NONE;
  double noise = 0;

  static int kind(int term) { return term < 0 ? -term : term; }
  bool draws() const { return kind(first) == DRAW || kind(second) == DRAW; }
  // Whether keys are known when a spike is emitted.
  bool is_constant() const { return noise == 0 && !draws(); }
  bool uses_momentum() const { return kind(first) == MOMENTUM || kind(second) == MOMENTUM; }
};

// Numbers as integers of the same order.
inline uint64_t ascending(double x) {
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits >> 63 ? ~bits : bits | 1ull << 63;
}

// What a spike is ranked by. Input spikes: layer -1, emission -1, infinite momentum.
struct Emission {
  int layer, step;
  double momentum;
};

// Hashes of a forward step, from which the keys of this step are drawn.
struct StepDraws {
  uint64_t schedule, noise;
};

// One line per kind of key.
inline uint64_t key_of(const Order& order, int term, int source, const Emission& e, const StepDraws& draws) {
  uint64_t key = 0;
  switch (Order::kind(term)) {
    case DRAW:
      key = fold(draws.schedule, source);
      break;
    case MOMENTUM:
      key = ascending(order.noise == 0 ? e.momentum : e.momentum + order.noise * unit(fold(draws.noise, source)));
      break;
    case EMITTED:
      key = static_cast<uint64_t>(e.step + 1);
      break;
    case LAYER:
      key = static_cast<uint64_t>(e.layer + 1);
      break;
    default:
      break;
  }
  return term < 0 ? ~key : key;
}

}  // namespace lava_async
