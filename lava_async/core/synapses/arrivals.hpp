// What spikes bring, gathered in memory: for layers that not only dense synapses without delay reach.
#pragma once
#include "../blocks.hpp"
#include "../memory.hpp"

namespace lava_async {
namespace LAVA_ISA {

// Between forward steps all sums are 0 and nothing is touched, so that a step pays for what it reaches alone.
template <class Num>
struct Arrivals {
  Array<Num> sum;         // by place
  Array<Bits> touched;    // by block
  Array<int32_t> blocks;  // that are touched
  int n = 0;

  void make(int n_blocks) {
    sum = Array<Num>(static_cast<size_t>(n_blocks) * BLOCK);
    touched = Array<Bits>(n_blocks + 8);
    blocks = Array<int32_t>(n_blocks + 1);
  }
  LAVA_INLINE void touch(int block, Bits lanes) {
    // Without a branch: what is touched first cannot be predicted.
    blocks[n] = block;
    n += (touched[block] == 0) & (lanes != 0);
    touched[block] |= lanes;
  }
  LAVA_INLINE Block<Num> take(int block) {
    Num* at = &sum[static_cast<size_t>(block) * BLOCK];
    const auto found = load(at);
    store(at, zero<Num>());
    return found;
  }
};

// What a gradient is taken of, and where it goes: weights by their places in the layout.
template <class Real>
struct Adjoint {
  const Real* weights;
  Real* gradient;
  const Real* arriving;  // by place: the derivative by what arrives at a neuron
};

}  // namespace LAVA_ISA
}  // namespace lava_async
