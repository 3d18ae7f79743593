// The same in Loihi's integers, of 32 bits.
#include "../engine_impl.hpp"

namespace lava_async {
namespace LAVA_ISA {

std::unique_ptr<Engine> make_integers(std::shared_ptr<const Layout> net) {
  return std::make_unique<EngineOf<Loihi<int32_t, true>, Loihi<int32_t, false>, float, EVERYTHING>>(std::move(net));
}

}  // namespace LAVA_ISA
}  // namespace lava_async
