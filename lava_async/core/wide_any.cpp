// The same of any models: gradients that are checked in double precision.
#include "engine_impl.hpp"

namespace lava_async {
namespace LAVA_ISA {

std::unique_ptr<Engine> make_any(std::shared_ptr<const Layout> net, Arithmetic arithmetic) {
  using Floats = AnyModel<double>;
  using Integers = AnyModel<int64_t>;
  if (arithmetic == Arithmetic::FLOAT64) {
    return std::make_unique<EngineOf<Floats, Floats, double, GRADIENTS>>(std::move(net));
  }
  return std::make_unique<EngineOf<Integers, Integers, double, GRADIENTS>>(std::move(net));
}

}  // namespace LAVA_ISA
}  // namespace lava_async
