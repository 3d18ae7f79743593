// Whether a run of integers can be computed in 32 bits, and without a look whether states leave their 24 bits.
#pragma once
#include <algorithm>

#include "engine.hpp"
#include "neurons/loihi.hpp"
#include "numbers.hpp"
#include "run.hpp"

namespace lava_async {
namespace LAVA_ISA {

// The largest payload with which no sum leaves the type of the numbers (1 << 30: any); Numbers::bounds comes before.
template <class Num>
int largest_payload_of(const Numbers<Num>& numbers) {
  if constexpr (std::is_same_v<Num, int32_t>) {
    if (numbers.most_bias > (1 << 30)) return 0;
    // Up to 2^24 a current of 24 bits is in its range again at once, and no sum of it, a voltage and a bias reaches
    // 2^31.
    return static_cast<int>(std::min(LOIHI_WRAP / std::max(numbers.most_reach, 1.0), 1e9));
  }
  return 1 << 30;
}

// Whether a run can be tried: no sum of it leaves 32 bits, unless spikes add up while they wait.
template <class Num>
bool fits(const Layout& net, const Numbers<Num>& numbers, const Batch& batch, const Results& results) {
  if constexpr (std::is_same_v<Num, int32_t>) {
    if (batch.largest_payload > largest_payload_of(numbers)) return false;
    const size_t n = batch.from_rest ? 0 : static_cast<size_t>(batch.n) * net.n_neurons;
    const auto inside = [n](const void* states) {
      const auto* x = static_cast<const StateOf<Num>*>(states);
      bool all = true;
      for (size_t i = 0; i < n; i++) all &= -LOIHI_LIMIT <= x[i] && x[i] <= LOIHI_LIMIT;
      return all;
    };
    return inside(results.u) && inside(results.v);
  }
  return true;
}

// Calls f with the model that is enough where no neuron fires twice in a time step: IN_RANGE, if all states of the run
// are sure to stay within their range, else M.
template <class M, class IN_RANGE, class Num, class F>
auto visit_range(const Numbers<Num>& numbers, const Batch& batch, F f) {
  if constexpr (!std::is_same_v<M, IN_RANGE>) {
    const double most = std::max(numbers.most_u, numbers.most_v) * batch.largest_payload;
    if (batch.from_rest && most < LOIHI_LIMIT) return f(IN_RANGE());
  }
  return f(M());
}

}  // namespace LAVA_ISA
}  // namespace lava_async
