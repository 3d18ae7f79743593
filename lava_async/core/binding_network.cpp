// Networks and rules of runs, as Python says them.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "network_spec.hpp"
#include "run.hpp"

using namespace nanobind::literals;

namespace lava_async {
namespace {

Rules make_rules(std::tuple<int, int, double> order, bool layered, int group_size, int extra_steps, int limit,
                 bool truncate, int margin, bool at_step, bool refractory, bool input_first, double refractory_dropout,
                 uint64_t seed,
                 std::optional<std::tuple<In<int64_t, nb::shape<-1, 3>>, In<int32_t, nb::ndim<1>>>> replay) {
  require(group_size >= 1 && limit >= 1 && margin >= 0, "group_size, limit, margin");
  Rules r;
  r.order = {std::get<0>(order), std::get<1>(order), std::get<2>(order)};
  require(std::abs(r.order.first) <= LAYER && std::abs(r.order.second) <= LAYER, "order");
  r.layered = layered;
  r.group_size = group_size;
  r.extra_steps = extra_steps;
  r.limit = limit;
  r.truncate = truncate;
  r.margin = margin;
  r.at_step = at_step;
  r.refractory = refractory;
  r.input_first = input_first;
  r.refractory_dropout = refractory_dropout;
  r.seed = seed;
  if (replay) {
    r.replay = true;
    const auto& [groups, sources] = *replay;
    r.sources.assign(sources.data(), sources.data() + sources.shape(0));
    int begin = 0;
    for (size_t g = 0; g < groups.shape(0); g++) {
      const int64_t* row = groups.data() + 3 * g;
      const int end = static_cast<int>(row[2]);
      require(end >= begin && end <= static_cast<int>(sources.shape(0)), "groups");
      r.groups.push_back({row[0], static_cast<int32_t>(row[1]), begin, end});
      begin = end;
    }
  }
  return r;
}

}  // namespace

void bind_network(nb::module_& m) {
  nb::class_<NetworkSpec>(m, "NetworkSpec")
      .def(nb::init<int, std::vector<int>, std::vector<int>>(), "n_inputs"_a, "sizes"_a, "outputs"_a)
      .def("add_dense", &NetworkSpec::add_dense, "source"_a, "target"_a, "delay"_a.noconvert().none())
      .def("add_conv", &NetworkSpec::add_conv, "source"_a, "target"_a, "geometry"_a, "delay"_a.noconvert().none())
      .def("add_sparse", &NetworkSpec::add_sparse, "source"_a, "target"_a, "pre"_a.noconvert(), "post"_a.noconvert(),
           "delay"_a.noconvert().none(), "entry"_a.noconvert().none(), "n_weights"_a)
      .def("add_imaginary", &NetworkSpec::add_imaginary, "synapses"_a);
  nb::class_<Rules>(m, "Rules")
      .def(
          "__init__",
          [](Rules* self, std::tuple<int, int, double> order, bool layered, int group_size, int extra_steps, int limit,
             bool truncate, int margin, bool at_step, bool refractory, bool input_first, double refractory_dropout,
             uint64_t seed, std::optional<std::tuple<In<int64_t, nb::shape<-1, 3>>, In<int32_t, nb::ndim<1>>>> replay) {
            new (self) Rules(make_rules(order, layered, group_size, extra_steps, limit, truncate, margin, at_step,
                                        refractory, input_first, refractory_dropout, seed, std::move(replay)));
          },
          "order"_a, "layered"_a, "group_size"_a, "extra_steps"_a, "limit"_a, "truncate"_a, "margin"_a, "at_step"_a,
          "refractory"_a, "input_first"_a, "refractory_dropout"_a, "seed"_a, "replay"_a.noconvert().none());
}

}  // namespace lava_async
