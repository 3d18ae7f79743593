// An engine as Python holds it: what it is given is checked before it sees it.
#pragma once
#include <string>

#include "binding_call.hpp"
#include "network_spec.hpp"

namespace lava_async {

struct PyEngine {
  const Arithmetic arithmetic;
  const bool doubles;  // whether gradients are in double precision
  const int n_inputs, n_neurons, n_outputs;
  const std::vector<int> sizes;
  const std::vector<int64_t> n_weights;
  const bool any_model;
  std::shared_ptr<Engine> engine;

  PyEngine(const NetworkSpec& spec, const std::string& name, const std::string& instruction_set, bool double_gradient,
           bool any_model)
      : arithmetic(arithmetic_of(name)),
        doubles(double_gradient || arithmetic == Arithmetic::FLOAT64),
        n_inputs(spec.n_inputs()),
        n_neurons(spec.n_neurons()),
        n_outputs(spec.n_outputs()),
        sizes(spec.sizes()),
        n_weights(spec.n_weights()),
        any_model(any_model) {
    const nb::gil_scoped_release free;
    engine = make_engine(spec.lay_out(), arithmetic, any_model ? Scope::ANY : Scope::CUBA, doubles, instruction_set);
  }

  void set_neurons(In<double, nb::ndim<1>> keep_u, In<double, nb::ndim<1>> keep_v, In<double, nb::ndim<1>> vth,
                   In<double, nb::ndim<1>> bias, In<double, nb::ndim<1>> unit) {
    for (const auto* x : {&keep_u, &keep_v, &vth, &bias, &unit}) {
      require(x->shape(0) == static_cast<size_t>(n_neurons), "neurons");
    }
    engine->set_neurons(keep_u.data(), keep_v.data(), vth.data(), bias.data(), unit.data());
  }
  // Of networks of any models.
  bool set_model(int layer, const std::string& name, const std::vector<std::pair<std::string, AnyIn>>& numbers,
                 const std::vector<std::string>& state, In<int32_t, nb::ndim<1>> refractory_steps,
                 In<int32_t, nb::ndim<1>> sync_threshold) {
    require(any_model && layer >= 0 && layer < static_cast<int>(sizes.size()), "layer");
    const auto size = static_cast<size_t>(sizes[layer]);
    Engine::LayerModel model{name, {}, state, refractory_steps.data(), sync_threshold.data()};
    require(refractory_steps.shape(0) == size && sync_threshold.shape(0) == size, "refractory_steps, sync_threshold");
    for (const auto& [key, values] : numbers) {
      require(values.dtype() == dtype_of(arithmetic) && values.size() == size, "numbers");
      model.numbers.push_back({key, values.data()});
    }
    return engine->set_model(layer, model);
  }
  void set_units(In<double, nb::ndim<1>> unit) {
    require(unit.shape(0) == static_cast<size_t>(n_neurons), "unit");
    engine->set_units(unit.data());
  }
  void set_weights(int synapses, AnyIn values) {
    require(synapses >= 0 && synapses < static_cast<int>(n_weights.size()), "synapses");
    require(values.size() == static_cast<size_t>(n_weights[synapses]), "weights");
    Values v{Values::FLOAT32, values.data()};
    if (values.dtype() == nb::dtype<float>()) v.type = Values::FLOAT32;
    else if (values.dtype() == nb::dtype<double>()) v.type = Values::FLOAT64;
    else if (values.dtype() == nb::dtype<int32_t>()) v.type = Values::INT32;
    else if (values.dtype() == nb::dtype<int64_t>()) v.type = Values::INT64;
    else refuse("weights: type");
    const nb::gil_scoped_release free;
    engine->set_weights(synapses, v);
  }
  void prepare() {
    const nb::gil_scoped_release free;
    engine->prepare();
  }

  nb::dlpack::dtype real_type() const { return doubles ? nb::dtype<double>() : nb::dtype<float>(); }
  void add_any(Call& call, const AnyArrays* any, size_t n_entries) const {
    require((any != nullptr) == any_model, "any");
    if (any) any->add_to(call, arithmetic, n_inputs, n_neurons, n_entries);
  }

  bool is_integer() const { return arithmetic == Arithmetic::INT32 || arithmetic == Arithmetic::INT64; }

  Machine machine_of(const In<int64_t, nb::ndim<1>>& times, const In<int64_t, nb::ndim<1>>& core_of,
                     const In<int64_t, nb::ndim<2>>& way) const {
    require(times.shape(0) == 7, "times");
    require(core_of.shape(0) == static_cast<size_t>(n_neurons) && way.shape(0) == way.shape(1), "core_of, way");
    Machine machine;
    const int64_t* t = times.data();
    machine.times = {t[0], t[1], t[2], t[3], t[4], t[5], t[6]};
    machine.n_cores = static_cast<int>(way.shape(0));
    machine.core_of = core_of.data();
    machine.way = way.data();
    for (int i = 0; i < n_neurons; i++)
      require(core_of.data()[i] >= 0 && core_of.data()[i] < machine.n_cores, "core_of");
    return machine;
  }
};

}  // namespace lava_async
