// Any models in integers.
#include "../engine_impl.hpp"

namespace lava_async {
namespace LAVA_ISA {

std::unique_ptr<Engine> make_any_integers(std::shared_ptr<const Layout> net) {
  return std::make_unique<EngineOf<AnyModel<int64_t>, AnyModel<int64_t>, float, EVERYTHING>>(std::move(net));
}

}  // namespace LAVA_ISA
}  // namespace lava_async
