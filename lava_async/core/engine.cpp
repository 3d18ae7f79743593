// The engines of one instruction set: compiled once for each, with -DLAVA_ISA=...
#include "engine_impl.hpp"

namespace lava_async {
namespace LAVA_ISA {

std::unique_ptr<Engine> make_engine(std::shared_ptr<const Layout> net, bool integers, Scope scope) {
  if (scope == Scope::ANY) {
    using Integers = AnyModel<int64_t>;
    if (integers) return std::make_unique<EngineOf<Integers, Integers, float, EVERYTHING>>(std::move(net));
    return std::make_unique<EngineOf<AnyModel<float>, AnyModel<float>, float, EVERYTHING>>(std::move(net));
  }
  if (integers)
    return std::make_unique<EngineOf<Loihi<int32_t, true>, Loihi<int32_t, false>, float, EVERYTHING>>(std::move(net));
  return std::make_unique<EngineOf<Cuba<float>, Cuba<float>, float, EVERYTHING>>(std::move(net));
}

}  // namespace LAVA_ISA
}  // namespace lava_async
