// The same neurons in Loihi's integers (semantics, section 2), as lava_async/neurons/loihi.py.
#pragma once
#include "../blocks.hpp"
#include "../numbers.hpp"

namespace lava_async {
namespace LAVA_ISA {

constexpr int LOIHI_LIMIT = 1 << 23, LOIHI_WRAP = 1 << 24, DECAY_BITS = 12;

// T: int32_t where no sum can leave it, else int64_t. RANGE: whether a state may leave its 24 bits, so that one looks.
template <class T, bool RANGE>
struct Loihi {
  using Num = T;
  using Payload = int32_t;
  static constexpr bool ANY = false;
  static constexpr bool CURRENT_MATTERS = RANGE;
  // In 64 bits more may arrive than one wrap takes back: the current would wrap once more.
  static constexpr bool NOTHING_CHANGES_NOTHING = sizeof(T) == 4;

  // sign(x) ((abs(x) keep) >> 12)
  static LAVA_INLINE Block<T> decayed(Block<T> x, Block<T> keep) {
    const Block<T> a = abs(x);
    Block<T> kept;
    if constexpr (sizeof(T) == 4) {
      // In two halves, since the product of abs(x) < 2^24 and keep <= 2^12 has 36 bits.
      const Block<T> high = a >> DECAY_BITS, low = a - (high << DECAY_BITS);
      kept = high * keep + ((low * keep) >> DECAY_BITS);
    } else {
      kept = (a * keep) >> DECAY_BITS;
    }
    return select(gt(zero<T>(), x), zero<T>() - kept, kept);
  }
  static LAVA_INLINE void open(const Numbers<T>& p, const LayerNumbers<T>& layer, size_t i, Block<T>& u, Block<T>& v) {
    v = decayed(v, load(&p.keep_v[i]));
    if (layer.current) {
      u = decayed(u, load(&p.keep_u[i]));
      v = v + u;
    } else {
      u = zero<T>();
    }
    if (layer.bias) v = v + load(&p.bias[i]);
  }
  static LAVA_INLINE void integrate(Block<T>& u, Block<T>& v, Block<T> arriving, Mask refractory) {
    u = u + arriving;
    if constexpr (!RANGE) {
      v = select(refractory, v, v + arriving);
    } else {
      const Block<T> limit = splat<T>(LOIHI_LIMIT), low = splat<T>(-LOIHI_LIMIT);
      const Block<T> wrap =
          select(gt(u, limit), splat<T>(-LOIHI_WRAP), select(ge(low, u), splat<T>(LOIHI_WRAP), zero<T>()));
      v = v + select(refractory, zero<T>(), arriving + wrap);
      u = u + wrap;
      v = select(ge(v, limit), splat<T>(LOIHI_LIMIT - 1), select(ge(low, v), splat<T>(1 - LOIHI_LIMIT), v));
    }
  }
  static LAVA_INLINE Mask fires(Block<T> v, Block<T> vth) { return gt(v, vth); }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
