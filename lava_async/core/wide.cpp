// Engines in 64 bits: integers that leave 32 bits, and gradients that are checked in double precision. Seldom used, so
// compiled once, for any processor.
#include "engine_impl.hpp"

namespace lava_async {
namespace LAVA_ISA {

std::unique_ptr<Engine> make_any(std::shared_ptr<const Layout>, Arithmetic);

std::unique_ptr<Engine> make_engine(std::shared_ptr<const Layout> net, Arithmetic arithmetic, Scope scope,
                                    bool double_gradient) {
  if (scope == Scope::ANY) return make_any(std::move(net), arithmetic);
  using Integers = Loihi<int64_t, true>;
  if (arithmetic == Arithmetic::FLOAT64) {
    return std::make_unique<EngineOf<Cuba<double>, Cuba<double>, double, GRADIENTS>>(std::move(net));
  }
  if (double_gradient) return std::make_unique<EngineOf<Integers, Integers, double, GRADIENTS>>(std::move(net));
  return std::make_unique<EngineOf<Integers, Integers, float, EVERYTHING>>(std::move(net));
}

}  // namespace LAVA_ISA
}  // namespace lava_async
