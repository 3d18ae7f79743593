// The engines of one instruction set: compiled once for each, with -DLAVA_ISA=..., a file for each in engines/.
#include "engine.hpp"

namespace lava_async {
namespace LAVA_ISA {

using MakeOne = std::unique_ptr<Engine>(std::shared_ptr<const Layout>);
MakeOne make_any_floats, make_any_integers, make_floats, make_integers;

std::unique_ptr<Engine> make_engine(std::shared_ptr<const Layout> net, bool integers, Scope scope) {
  MakeOne* make =
      scope == Scope::ANY ? (integers ? make_any_integers : make_any_floats) : (integers ? make_integers : make_floats);
  return make(std::move(net));
}

}  // namespace LAVA_ISA
}  // namespace lava_async
