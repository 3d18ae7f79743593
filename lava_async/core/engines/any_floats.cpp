// Any models in floating point.
#include "../engine_impl.hpp"

namespace lava_async {
namespace LAVA_ISA {

std::unique_ptr<Engine> make_any_floats(std::shared_ptr<const Layout> net) {
  return std::make_unique<EngineOf<AnyModel<float>, AnyModel<float>, float, EVERYTHING>>(std::move(net));
}

}  // namespace LAVA_ISA
}  // namespace lava_async
