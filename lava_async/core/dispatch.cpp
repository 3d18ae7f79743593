// Which engines this machine runs, the best first.
#include <stdexcept>

#include "engine.hpp"

namespace lava_async {

using MakeEngine = std::unique_ptr<Engine>(std::shared_ptr<const Layout>, bool integers, Scope);
// Each is there if it was built (LAVA_ASYNC_ISAS in CMakeLists.txt).
namespace baseline {
MakeEngine make_engine;
}
namespace avx2 {
MakeEngine make_engine;
}
namespace avx512 {
MakeEngine make_engine;
}
namespace wide {
std::unique_ptr<Engine> make_engine(std::shared_ptr<const Layout>, Arithmetic, Scope, bool double_gradient);
}

namespace {

struct InstructionSet {
  const char* name;
  MakeEngine* make;
  bool (*runs_here)();
};

const InstructionSet INSTRUCTION_SETS[] = {
#if defined(LAVA_BUILDS_avx512)
    {"avx512", avx512::make_engine,
     [] {
       return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
              __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma");
     }},
#endif
#if defined(LAVA_BUILDS_avx2)
    {"avx2", avx2::make_engine,
     [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma"); }},
#endif
#if defined(LAVA_BUILDS_baseline)
    {"baseline", baseline::make_engine, [] { return true; }},
#endif
};

}  // namespace

std::vector<std::string> instruction_sets() {
  std::vector<std::string> found;
  for (const InstructionSet& each : INSTRUCTION_SETS) {
    if (each.runs_here()) found.push_back(each.name);
  }
  return found;
}

std::unique_ptr<Engine> make_engine(std::shared_ptr<const Layout> net, Arithmetic arithmetic, Scope scope,
                                    bool double_gradient, const std::string& instruction_set) {
  const bool checked = double_gradient || arithmetic == Arithmetic::FLOAT64;
  if (checked || (scope == Scope::CUBA && arithmetic == Arithmetic::INT64)) {
    return wide::make_engine(std::move(net), arithmetic, scope, double_gradient);
  }
  for (const InstructionSet& each : INSTRUCTION_SETS) {
    if (each.name == instruction_set && each.runs_here()) {
      return each.make(std::move(net), arithmetic == Arithmetic::INT32 || arithmetic == Arithmetic::INT64, scope);
    }
  }
  throw std::invalid_argument(instruction_set);
}

}  // namespace lava_async
