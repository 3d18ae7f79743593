// Runs that can be differentiated, and their backward pass.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "py_engine.hpp"

using namespace nanobind::literals;

namespace lava_async {
namespace {

// Times of a chip, cores of neurons (N,), ways from core to core.
using MachineArrays = std::tuple<In<int64_t, nb::ndim<1>>, In<int64_t, nb::ndim<1>>, In<int64_t, nb::ndim<2>>>;

// A run that can be differentiated, and the arrays that it needs for that.
struct PyRun {
  std::shared_ptr<DifferentiableRun> run;
  Batch batch;
  size_t n_wanted;
  int n_inputs, n_neurons;
  bool doubles;
  std::vector<int64_t> n_weights;
  std::vector<nb::object> kept;

  void backward(AnyIn derivative, const std::vector<AnyOut>& weights, std::optional<AnyOut> keep_u,
                std::optional<AnyOut> keep_v, std::optional<AnyOut> vth, std::optional<AnyOut> bias,
                std::optional<AnyOut> input, std::optional<AnyOut> number, int threads) const {
    const auto type = doubles ? nb::dtype<double>() : nb::dtype<float>();
    const auto n = static_cast<size_t>(batch.n), T = static_cast<size_t>(batch.n_steps);
    require(derivative.dtype() == type && derivative.size() == n * T * n_wanted, "derivative");
    GradientResults to;
    require(weights.size() == n_weights.size(), "weights");
    for (size_t i = 0; i < weights.size(); i++) {
      require(weights[i].dtype() == type && weights[i].size() == static_cast<size_t>(n_weights[i]), "weights");
      to.weights.push_back(weights[i].data());
    }
    const auto data = [&](std::optional<AnyOut>& x, size_t size, const char* name) -> void* {
      if (!x) return nullptr;
      require(x->dtype() == type && x->size() == size, name);
      return x->data();
    };
    to.keep_u = data(keep_u, n_neurons, "keep_u");
    to.keep_v = data(keep_v, n_neurons, "keep_v");
    to.vth = data(vth, n_neurons, "vth");
    to.bias = data(bias, n_neurons, "bias");
    to.input = data(input, n * T * static_cast<size_t>(n_inputs), "input");
    to.number = data(number, static_cast<size_t>(MOST_NUMBERS) * n_neurons, "number");
    Status status;
    {
      const nb::gil_scoped_release free;
      status = run->backward(batch, derivative.data(), to, threads, signal_arrived);
    }
    if (status == Status::INTERRUPTED) throw nb::python_error();
  }
};

// Takes the array of what is wanted of each neuron and time step; returns of how many neurons.
int take_wanted(const PyEngine& e, Call& call, AnyOut& wanted, int first) {
  require(wanted.dtype() == e.real_type() && wanted.ndim() == 3, "wanted");
  const bool fits = wanted.shape(0) == static_cast<size_t>(call.batch.n) &&
                    wanted.shape(1) == static_cast<size_t>(call.batch.n_steps);
  const int n = static_cast<int>(wanted.shape(2));
  require(fits && first >= 0 && first + n <= e.n_neurons, "wanted");
  call.results.wanted = wanted.data();
  call.results.first_wanted = first;
  call.results.n_wanted = n;
  return n;
}
void take_weights(const PyEngine& e, Engine::Parameters& parameters, const std::vector<AnyIn>& weights) {
  require(weights.size() == e.n_weights.size(), "weights");
  for (size_t i = 0; i < weights.size(); i++) {
    const bool fits = weights[i].size() == static_cast<size_t>(e.n_weights[i]);
    require(fits && weights[i].dtype() == e.real_type(), "weights");
    parameters.weights.push_back(weights[i].data());
  }
}
GradientRules rule_of(const std::string& credit, bool peak, bool differentiated) {
  GradientRules rule;
  require(credit == "delivered" || credit == "all" || credit == "keep" || credit == "last", "credit");
  rule.credit = credit == "delivered" ? DELIVERED : credit == "all" ? ALL : credit == "keep" ? KEEP : LAST;
  rule.peak = peak;
  rule.differentiated = differentiated;
  return rule;
}
// Runs what can be differentiated; `kept`: the arrays that its backward pass still reads.
nb::tuple recorded_run(const PyEngine& e, const Rules& rules, const GradientRules& rule,
                       const Engine::Parameters& parameters, const Machine* machine, const Call& call, int n_wanted,
                       int threads, std::vector<nb::object> kept) {
  Failure failure;
  Engine::Unfit unfit;
  std::shared_ptr<DifferentiableRun> run;
  {
    const nb::gil_scoped_release free;
    run = e.engine->record(rules, rule, parameters, machine, call.batch, call.results, threads, signal_arrived, failure,
                           unfit);
  }
  if (unfit.synapses >= 0) return nb::make_tuple(nb::make_tuple("unfit", unfit.synapses, unfit.index), nb::none());
  nb::object status = status_of(failure);
  if (!status.is_none()) return nb::make_tuple(status, nb::none());
  PyRun found{run,         call.batch,     static_cast<size_t>(n_wanted), e.n_inputs, e.n_neurons, e.doubles,
              e.n_weights, std::move(kept)};
  return nb::make_tuple(status, nb::cast(std::move(found)));
}

nb::tuple record(const PyEngine& e, const Rules& rules, const std::string& credit, bool peak, bool differentiated,
                 bool arctangent, bool decays, bool neurons, const std::vector<AnyIn>& weights,
                 const std::vector<AnyIn>& numbers, double scale, double weight_scale, In<int64_t, nb::ndim<1>> samples,
                 In<int32_t, nb::ndim<1>> channel, In<int32_t, nb::ndim<1>> count, In<int64_t, nb::ndim<2>> start,
                 AnyOut u, AnyOut v, Out<int32_t, nb::ndim<2>> forward_steps, Out<int32_t, nb::ndim<2>> first_output,
                 Out<int64_t, nb::shape<-1, 3>> tally, AnyOut wanted, int first_wanted,
                 std::optional<Out<uint8_t, nb::ndim<3>>> premature, std::optional<MachineArrays> machine,
                 int threads) {
  Call call(*e.engine, e.n_inputs, e.n_neurons, e.arithmetic, samples, 0, channel, count, start, u, v, forward_steps,
            first_output, tally);
  const auto type = e.real_type();
  const int n_wanted = take_wanted(e, call, wanted, first_wanted);
  if (premature) {
    require(premature->size() == wanted.size(), "premature");
    call.results.premature = premature->data();
  }
  std::optional<Machine> chip;
  if (machine) chip = e.machine_of(std::get<0>(*machine), std::get<1>(*machine), std::get<2>(*machine));
  Engine::Parameters parameters;
  take_weights(e, parameters, weights);
  require(numbers.size() == 6, "weights");
  for (const AnyIn& x : numbers) {
    require(x.dtype() == type && x.size() == static_cast<size_t>(e.n_neurons), "neurons");
  }
  parameters.keep_u = numbers[0].data();
  parameters.keep_v = numbers[1].data();
  parameters.vth = numbers[2].data();
  parameters.bias = numbers[3].data();
  parameters.a = numbers[4].data();
  parameters.b = numbers[5].data();
  parameters.scale = scale;
  parameters.weight_scale = weight_scale;
  GradientRules rule = rule_of(credit, peak, differentiated);
  rule.surrogate = arctangent ? ARCTANGENT : EXPONENTIAL;
  rule.decays = decays;
  rule.neurons = neurons;
  return recorded_run(e, rules, rule, parameters, chip ? &*chip : nullptr, call, n_wanted, threads,
                      {nb::cast(samples), nb::cast(channel), nb::cast(count), nb::cast(start)});
}

// The same for networks of any models.
nb::tuple record_any(const PyEngine& e, const Rules& rules, const std::string& credit, bool peak, bool differentiated,
                     const std::vector<bool>& arctangent, bool wants_numbers, const std::vector<AnyIn>& weights,
                     double weight_scale, AnyIn number, AnyIn exact, const std::vector<AnyIn>& of_neurons,
                     In<int64_t, nb::ndim<1>> samples, In<int32_t, nb::ndim<1>> channel, In<int32_t, nb::ndim<1>> count,
                     In<int64_t, nb::ndim<2>> start, AnyOut u, Out<int32_t, nb::ndim<2>> forward_steps,
                     Out<int32_t, nb::ndim<2>> first_output, Out<int64_t, nb::shape<-1, 3>> tally, AnyOut wanted,
                     int first_wanted, const AnyArrays& any, std::optional<AnyIn> factor, int payload_bits,
                     int threads) {
  Call call(*e.engine, e.n_inputs, e.n_neurons, e.arithmetic, samples, 0, channel, count, start, u, u, forward_steps,
            first_output, tally);
  e.add_any(call, &any, channel.shape(0));
  if (factor) {
    require(factor->dtype() == dtype_of(e.arithmetic), "factor");
    require(factor->size() == static_cast<size_t>(call.batch.n) * static_cast<size_t>(e.n_neurons), "factor");
    call.batch.factor = factor->data();
  }
  require(payload_bits >= 0 && payload_bits < 32, "payload_bits");
  const int n_wanted = take_wanted(e, call, wanted, first_wanted);
  const auto type = e.real_type();
  const auto N = static_cast<size_t>(e.n_neurons);
  Engine::Parameters parameters;
  take_weights(e, parameters, weights);
  require(of_neurons.size() == 4, "weights");
  require(arctangent.size() == e.sizes.size(), "arctangent");
  for (const AnyIn& x : of_neurons) require(x.dtype() == type && x.size() == N, "neurons");
  require(number.dtype() == type && number.size() == MOST_NUMBERS * N, "number");
  require(exact.dtype() == dtype_of(e.arithmetic) && exact.size() == MOST_NUMBERS * N, "exact");
  parameters.number = number.data();
  parameters.exact = exact.data();
  parameters.a = of_neurons[0].data();
  parameters.b = of_neurons[1].data();
  parameters.state_unit = of_neurons[2].data();
  parameters.payload_unit = of_neurons[3].data();
  parameters.weight_scale = weight_scale;
  parameters.arctangent = arctangent;
  parameters.payload_bits = payload_bits;
  for (int l = 0; l < static_cast<int>(e.sizes.size()); l++) require(e.engine->is_differentiable(l), "model");
  GradientRules rule = rule_of(credit, peak, differentiated);
  rule.decays = rule.neurons = wants_numbers;
  return recorded_run(e, rules, rule, parameters, nullptr, call, n_wanted, threads,
                      {nb::cast(samples), nb::cast(channel), nb::cast(count), nb::cast(start), nb::cast(any.payload),
                       nb::cast(factor)});
}

}  // namespace

void bind_training(nb::module_& m, nb::class_<PyEngine>& engine) {
  nb::class_<PyRun>(m, "DifferentiableRun")
      .def("backward", &PyRun::backward, "derivative"_a.noconvert(), "weights"_a.noconvert(),
           "keep_u"_a.noconvert().none(), "keep_v"_a.noconvert().none(), "vth"_a.noconvert().none(),
           "bias"_a.noconvert().none(), "input"_a.noconvert().none(), "number"_a.noconvert().none(), "threads"_a);
  engine
      .def("record", record, "rules"_a, "credit"_a, "peak"_a, "differentiated"_a, "arctangent"_a, "decays"_a,
           "neurons"_a, "weights"_a.noconvert(), "numbers"_a.noconvert(), "scale"_a, "weight_scale"_a,
           "samples"_a.noconvert(), "channel"_a.noconvert(), "count"_a.noconvert(), "start"_a.noconvert(),
           "u"_a.noconvert(), "v"_a.noconvert(), "forward_steps"_a.noconvert(), "first_output"_a.noconvert(),
           "tally"_a.noconvert(), "wanted"_a.noconvert(), "first_wanted"_a, "premature"_a.noconvert().none(),
           "machine"_a.none(), "threads"_a)
      .def("record_any", record_any, "rules"_a, "credit"_a, "peak"_a, "differentiated"_a, "arctangent"_a,
           "wants_numbers"_a, "weights"_a.noconvert(), "weight_scale"_a, "number"_a.noconvert(), "exact"_a.noconvert(),
           "of_neurons"_a.noconvert(), "samples"_a.noconvert(), "channel"_a.noconvert(), "count"_a.noconvert(),
           "start"_a.noconvert(), "u"_a.noconvert(), "forward_steps"_a.noconvert(), "first_output"_a.noconvert(),
           "tally"_a.noconvert(), "wanted"_a.noconvert(), "first_wanted"_a, "any"_a, "factor"_a.noconvert().none(),
           "payload_bits"_a, "threads"_a);
}

}  // namespace lava_async
