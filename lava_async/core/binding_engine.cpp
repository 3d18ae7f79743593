// Engines: every array is checked (type, shape, contiguity) before they see it, and the GIL is given up while they run.
// What values mean is checked in lava_async/engine/compiled.py.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "binding_call.hpp"
#include "network_spec.hpp"

using namespace nanobind::literals;

namespace lava_async {
namespace {

// Times of a chip, cores of neurons (N,), ways from core to core.
using MachineArrays = std::tuple<In<int64_t, nb::ndim<1>>, In<int64_t, nb::ndim<1>>, In<int64_t, nb::ndim<2>>>;
// Spikes of the outputs so far (n, outputs), and after how many time steps each sample was decided (n,).
using Decisions = std::tuple<Out<int32_t, nb::ndim<2>>, Out<int32_t, nb::ndim<1>>>;

// Spike counts of earlier time steps.
using Earlier = std::optional<In<int32_t, nb::ndim<3>>>;

class PyEngine {
 public:
  PyEngine(const NetworkSpec& spec, const std::string& arithmetic, const std::string& instruction_set,
           bool double_gradient, bool any_model)
      : arithmetic_(arithmetic_of(arithmetic)),
        doubles_(double_gradient || arithmetic_ == Arithmetic::FLOAT64),
        n_inputs_(spec.n_inputs()),
        n_neurons_(spec.n_neurons()),
        n_outputs_(spec.n_outputs()),
        sizes_(spec.sizes()),
        n_weights_(spec.n_weights()),
        any_model_(any_model) {
    const nb::gil_scoped_release free;
    engine_ = make_engine(spec.lay_out(), arithmetic_, any_model ? Scope::ANY : Scope::CUBA, doubles_, instruction_set);
  }

  std::string instruction_set() const { return engine_->instruction_set(); }
  void set_neurons(In<double, nb::ndim<1>> keep_u, In<double, nb::ndim<1>> keep_v, In<double, nb::ndim<1>> vth,
                   In<double, nb::ndim<1>> bias, In<double, nb::ndim<1>> unit) {
    for (const auto* x : {&keep_u, &keep_v, &vth, &bias, &unit}) {
      require(x->shape(0) == static_cast<size_t>(n_neurons_), "neurons");
    }
    engine_->set_neurons(keep_u.data(), keep_v.data(), vth.data(), bias.data(), unit.data());
  }
  // Of networks of any models.
  bool set_model(int layer, const std::string& name, const std::vector<std::pair<std::string, AnyIn>>& numbers,
                 const std::vector<std::string>& state, In<int32_t, nb::ndim<1>> refractory_steps,
                 In<int32_t, nb::ndim<1>> sync_threshold) {
    require(any_model_ && layer >= 0 && layer < static_cast<int>(sizes_.size()), "layer");
    const auto size = static_cast<size_t>(sizes_[layer]);
    Engine::LayerModel model{name, {}, state, refractory_steps.data(), sync_threshold.data()};
    require(refractory_steps.shape(0) == size && sync_threshold.shape(0) == size, "refractory_steps, sync_threshold");
    for (const auto& [key, values] : numbers) {
      require(values.dtype() == dtype_of(arithmetic_) && values.size() == size, "numbers");
      model.numbers.push_back({key, values.data()});
    }
    return engine_->set_model(layer, model);
  }
  void set_units(In<double, nb::ndim<1>> unit) {
    require(unit.shape(0) == static_cast<size_t>(n_neurons_), "unit");
    engine_->set_units(unit.data());
  }
  void set_weights(int synapses, AnyIn values) {
    require(synapses >= 0 && synapses < static_cast<int>(n_weights_.size()), "synapses");
    require(values.size() == static_cast<size_t>(n_weights_[synapses]), "weights");
    Values v{Values::FLOAT32, values.data()};
    if (values.dtype() == nb::dtype<float>()) v.type = Values::FLOAT32;
    else if (values.dtype() == nb::dtype<double>()) v.type = Values::FLOAT64;
    else if (values.dtype() == nb::dtype<int32_t>()) v.type = Values::INT32;
    else if (values.dtype() == nb::dtype<int64_t>()) v.type = Values::INT64;
    else refuse("weights: type");
    const nb::gil_scoped_release free;
    engine_->set_weights(synapses, v);
  }
  void prepare() {
    const nb::gil_scoped_release free;
    engine_->prepare();
  }
  int largest_payload() const { return engine_->largest_payload(); }

  nb::object run(const Rules& rules, In<int64_t, nb::ndim<1>> samples, int64_t t0, In<int32_t, nb::ndim<1>> channel,
                 In<int32_t, nb::ndim<1>> count, In<int64_t, nb::ndim<2>> start, Earlier history, Earlier inputs,
                 bool from_rest, AnyOut u, AnyOut v,
                 Out<int32_t, nb::ndim<3>> counts, Out<int32_t, nb::ndim<2>> forward_steps,
                 Out<int32_t, nb::ndim<2>> first_output, Out<int64_t, nb::shape<-1, 3>> tally,
                 std::optional<Decisions> decisions, int threads, const std::string& record, const AnyArrays* any) {
    Call call = call_of(samples, t0, channel, count, start, history, inputs, from_rest, u, v, counts,
                        forward_steps, first_output, tally);
    take(decisions, call);
    add_any(call, any, channel.shape(0));
    Recording recording;
    require(record == "counts" || record == "groups" || record == "trace", "record");
    recording.groups = record != "counts";
    recording.trace = record == "trace";
    Failure failure;
    {
      const nb::gil_scoped_release free;
      failure = engine_->run(rules, call.batch, call.results, recording.groups ? &recording : nullptr, threads,
                             signal_arrived);
    }
    nb::object status = status_of(failure);
    if (!recording.groups) return status;
    return nb::make_tuple(status, recorded(recording, is_integer()));
  }

  nb::object run_timed(const Rules& rules, In<int64_t, nb::ndim<1>> times, In<int64_t, nb::ndim<1>> core_of,
                       In<int64_t, nb::ndim<2>> way, std::optional<In<int64_t, nb::shape<-1, 3>>> replay,
                       In<int64_t, nb::ndim<1>> samples, int64_t t0, In<int32_t, nb::ndim<1>> channel,
                       In<int32_t, nb::ndim<1>> count, In<int64_t, nb::ndim<2>> start, Earlier history, Earlier inputs,
                       bool from_rest, AnyOut u, AnyOut v,
                       Out<int32_t, nb::ndim<3>> counts, Out<int32_t, nb::ndim<2>> forward_steps,
                       Out<int32_t, nb::ndim<2>> first_output, Out<int64_t, nb::shape<-1, 3>> tally,
                       std::optional<Decisions> decisions, Out<int64_t, nb::ndim<2>> step_ps,
                       Out<int64_t, nb::ndim<2>> first_output_ps, Out<int64_t, nb::ndim<1>> decided_ps, int threads,
                       const std::string& record, const AnyArrays* any) {
    Call call = call_of(samples, t0, channel, count, start, history, inputs, from_rest, u, v, counts,
                        forward_steps, first_output, tally);
    take(decisions, call);
    add_any(call, any, channel.shape(0));
    Machine machine = machine_of(times, core_of, way);
    machine.replaying = replay.has_value();
    if (replay) {
      machine.replay = replay->data();
      machine.n_replay = static_cast<int64_t>(replay->shape(0));
      for (int64_t r = 0; r < machine.n_replay; r++) {
        require(machine.replay[3 * r + 1] < n_inputs_ + n_neurons_ && machine.replay[3 * r + 2] < machine.n_cores,
                "replay");
      }
    }
    const size_t n = samples.shape(0), T = start.shape(1) - 1;
    require(step_ps.shape(0) == n && step_ps.shape(1) == T, "step_ps");
    require(first_output_ps.shape(0) == n && first_output_ps.shape(1) == T, "first_output_ps");
    require(decided_ps.shape(0) == n, "decided_ps");
    TimedResults timed{step_ps.data(), first_output_ps.data(), decided_ps.data()};
    Recording recording;
    require(record == "counts" || record == "groups" || record == "trace", "record");
    recording.groups = record != "counts";
    recording.trace = record == "trace";
    std::vector<int64_t> log;
    Failure failure;
    {
      const nb::gil_scoped_release free;
      failure = engine_->run_timed(rules, machine, call.batch, call.results, timed,
                                   recording.groups ? &recording : nullptr, &log, threads, signal_arrived);
    }
    nb::object status = status_of(failure);
    if (!recording.groups) return status;
    nb::dict found = recorded(recording, is_integer());
    found["log"] = array_of(std::move(log));
    return nb::make_tuple(status, found);
  }

  nb::tuple record(const Rules& rules, const std::string& credit, bool peak, bool differentiated, bool arctangent,
                   bool decays, bool neurons, const std::vector<AnyIn>& weights, const std::vector<AnyIn>& numbers,
                   double scale, double weight_scale, In<int64_t, nb::ndim<1>> samples,
                   In<int32_t, nb::ndim<1>> channel, In<int32_t, nb::ndim<1>> count, In<int64_t, nb::ndim<2>> start,
                   AnyOut u, AnyOut v, Out<int32_t, nb::ndim<2>> forward_steps,
                   Out<int32_t, nb::ndim<2>> first_output, Out<int64_t, nb::shape<-1, 3>> tally, AnyOut wanted,
                   int first_wanted, std::optional<Out<uint8_t, nb::ndim<3>>> premature,
                   std::optional<MachineArrays> machine, int threads) {
    Call call(n_inputs_, n_neurons_, arithmetic_, samples, 0, channel, count, start, u, v,
              forward_steps, first_output, tally);
    const auto type = real_type();
    const int n_wanted = take_wanted(call, wanted, first_wanted);
    if (premature) {
      require(premature->size() == wanted.size(), "premature");
      call.results.premature = premature->data();
    }
    std::optional<Machine> chip;
    if (machine) chip = machine_of(std::get<0>(*machine), std::get<1>(*machine), std::get<2>(*machine));
    Engine::Parameters parameters;
    require(weights.size() == n_weights_.size() && numbers.size() == 6, "weights");
    for (size_t i = 0; i < weights.size(); i++) {
      require(weights[i].dtype() == type && weights[i].size() == static_cast<size_t>(n_weights_[i]), "weights");
      parameters.weights.push_back(weights[i].data());
    }
    for (const AnyIn& x : numbers) {
      require(x.dtype() == type && x.size() == static_cast<size_t>(n_neurons_), "neurons");
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
    return recorded_run(rules, rule, parameters, chip ? &*chip : nullptr, call, n_wanted, threads,
                        {nb::cast(samples), nb::cast(channel), nb::cast(count), nb::cast(start)});
  }

  // The same for networks of any models.
  nb::tuple record_any(const Rules& rules, const std::string& credit, bool peak, bool differentiated,
                       const std::vector<bool>& arctangent, bool wants_numbers, const std::vector<AnyIn>& weights,
                       double weight_scale, AnyIn number, AnyIn exact, const std::vector<AnyIn>& of_neurons,
                       In<int64_t, nb::ndim<1>> samples, In<int32_t, nb::ndim<1>> channel,
                       In<int32_t, nb::ndim<1>> count, In<int64_t, nb::ndim<2>> start, AnyOut u,
                       Out<int32_t, nb::ndim<2>> forward_steps, Out<int32_t, nb::ndim<2>> first_output,
                       Out<int64_t, nb::shape<-1, 3>> tally, AnyOut wanted, int first_wanted, const AnyArrays& any,
                       std::optional<AnyIn> factor, int payload_bits, int threads) {
    Call call(n_inputs_, n_neurons_, arithmetic_, samples, 0, channel, count, start, u, u, forward_steps,
              first_output, tally);
    add_any(call, &any, channel.shape(0));
    if (factor) {
      require(factor->dtype() == dtype_of(arithmetic_), "factor");
      require(factor->size() == static_cast<size_t>(call.batch.n) * static_cast<size_t>(n_neurons_), "factor");
      call.batch.factor = factor->data();
    }
    require(payload_bits >= 0 && payload_bits < 32, "payload_bits");
    const int n_wanted = take_wanted(call, wanted, first_wanted);
    const auto type = real_type();
    const auto N = static_cast<size_t>(n_neurons_);
    Engine::Parameters parameters;
    require(weights.size() == n_weights_.size() && of_neurons.size() == 4, "weights");
    require(arctangent.size() == sizes_.size(), "arctangent");
    for (size_t i = 0; i < weights.size(); i++) {
      require(weights[i].dtype() == type && weights[i].size() == static_cast<size_t>(n_weights_[i]), "weights");
      parameters.weights.push_back(weights[i].data());
    }
    for (const AnyIn& x : of_neurons) require(x.dtype() == type && x.size() == N, "neurons");
    require(number.dtype() == type && number.size() == MOST_NUMBERS * N, "number");
    require(exact.dtype() == dtype_of(arithmetic_) && exact.size() == MOST_NUMBERS * N, "exact");
    parameters.number = number.data();
    parameters.exact = exact.data();
    parameters.a = of_neurons[0].data();
    parameters.b = of_neurons[1].data();
    parameters.state_unit = of_neurons[2].data();
    parameters.payload_unit = of_neurons[3].data();
    parameters.weight_scale = weight_scale;
    parameters.arctangent = arctangent;
    parameters.payload_bits = payload_bits;
    for (int l = 0; l < static_cast<int>(sizes_.size()); l++) require(engine_->is_differentiable(l), "model");
    GradientRules rule = rule_of(credit, peak, differentiated);
    rule.decays = rule.neurons = wants_numbers;
    return recorded_run(rules, rule, parameters, nullptr, call, n_wanted, threads,
                        {nb::cast(samples), nb::cast(channel), nb::cast(count), nb::cast(start), nb::cast(any.payload),
                         nb::cast(factor)});
  }

 private:
  Machine machine_of(const In<int64_t, nb::ndim<1>>& times, const In<int64_t, nb::ndim<1>>& core_of,
                     const In<int64_t, nb::ndim<2>>& way) const {
    require(times.shape(0) == 7, "times");
    require(core_of.shape(0) == static_cast<size_t>(n_neurons_) && way.shape(0) == way.shape(1), "core_of, way");
    Machine machine;
    const int64_t* t = times.data();
    machine.times = {t[0], t[1], t[2], t[3], t[4], t[5], t[6]};
    machine.n_cores = static_cast<int>(way.shape(0));
    machine.core_of = core_of.data();
    machine.way = way.data();
    for (int i = 0; i < n_neurons_; i++)
      require(core_of.data()[i] >= 0 && core_of.data()[i] < machine.n_cores, "core_of");
    return machine;
  }

  Arithmetic arithmetic_;
  bool doubles_;
  int n_inputs_, n_neurons_, n_outputs_;
  std::vector<int> sizes_;
  std::vector<int64_t> n_weights_;
  bool any_model_;
  std::shared_ptr<Engine> engine_;

  nb::dlpack::dtype real_type() const { return doubles_ ? nb::dtype<double>() : nb::dtype<float>(); }
  // Takes the array of what is wanted of each neuron and time step; returns of how many neurons.
  int take_wanted(Call& call, AnyOut& wanted, int first) const {
    require(wanted.dtype() == real_type() && wanted.ndim() == 3, "wanted");
    const bool fits = wanted.shape(0) == static_cast<size_t>(call.batch.n) &&
                      wanted.shape(1) == static_cast<size_t>(call.batch.n_steps);
    const int n = static_cast<int>(wanted.shape(2));
    require(fits && first >= 0 && first + n <= n_neurons_, "wanted");
    call.results.wanted = wanted.data();
    call.results.first_wanted = first;
    call.results.n_wanted = n;
    return n;
  }
  static GradientRules rule_of(const std::string& credit, bool peak, bool differentiated) {
    GradientRules rule;
    require(credit == "delivered" || credit == "all" || credit == "keep" || credit == "last", "credit");
    rule.credit = credit == "delivered" ? DELIVERED : credit == "all" ? ALL : credit == "keep" ? KEEP : LAST;
    rule.peak = peak;
    rule.differentiated = differentiated;
    return rule;
  }
  // Runs what can be differentiated; `kept`: the arrays that its backward pass still reads.
  nb::tuple recorded_run(const Rules& rules, const GradientRules& rule, const Engine::Parameters& parameters,
                         const Machine* machine, const Call& call, int n_wanted, int threads,
                         std::vector<nb::object> kept) {
    Failure failure;
    Engine::Unfit unfit;
    std::shared_ptr<DifferentiableRun> run;
    {
      const nb::gil_scoped_release free;
      run = engine_->record(rules, rule, parameters, machine, call.batch, call.results, threads, signal_arrived,
                            failure, unfit);
    }
    if (unfit.synapses >= 0) return nb::make_tuple(nb::make_tuple("unfit", unfit.synapses, unfit.index), nb::none());
    nb::object status = status_of(failure);
    if (!status.is_none()) return nb::make_tuple(status, nb::none());
    PyRun found{run, call.batch, static_cast<size_t>(n_wanted), n_inputs_, n_neurons_, doubles_, n_weights_,
                std::move(kept)};
    return nb::make_tuple(status, nb::cast(std::move(found)));
  }

  void add_any(Call& call, const AnyArrays* any, size_t n_entries) const {
    require((any != nullptr) == any_model_, "any");
    if (any) any->add_to(call, arithmetic_, n_inputs_, n_neurons_, n_entries);
  }

  bool is_integer() const { return arithmetic_ == Arithmetic::INT32 || arithmetic_ == Arithmetic::INT64; }

  void take(std::optional<Decisions>& decisions, Call& call) const {
    if (!decisions) return;
    auto& [totals, decided] = *decisions;
    const auto n = static_cast<size_t>(call.batch.n), outputs = static_cast<size_t>(n_outputs_);
    require(totals.shape(0) == n && totals.shape(1) == outputs && decided.shape(0) == n, "decisions");
    call.results.totals = totals.data();
    call.results.decided = decided.data();
  }
  Call call_of(In<int64_t, nb::ndim<1>>& samples, int64_t t0, In<int32_t, nb::ndim<1>>& channel,
               In<int32_t, nb::ndim<1>>& count, In<int64_t, nb::ndim<2>>& start, Earlier& history, Earlier& inputs, bool from_rest, AnyOut& u,
               AnyOut& v, Out<int32_t, nb::ndim<3>>& counts, Out<int32_t, nb::ndim<2>>& forward_steps,
               Out<int32_t, nb::ndim<2>>& first_output, Out<int64_t, nb::shape<-1, 3>>& tally) const {
    Call call(n_inputs_, n_neurons_, arithmetic_, samples, t0, channel, count, start, u, v,
              forward_steps, first_output, tally);
    const size_t n = samples.shape(0), T = start.shape(1) - 1, N = static_cast<size_t>(n_neurons_);
    require(counts.shape(0) == n && counts.shape(1) == T && counts.shape(2) == N, "counts");
    call.results.counts = counts.data();
    if (history) {
      require(history->shape(0) == n && history->shape(2) == N, "history");
      call.batch.history = history->data();
      call.batch.n_history = static_cast<int>(history->shape(1));
    }
    if (inputs) {
      require(inputs->shape(0) == n && inputs->shape(2) == static_cast<size_t>(n_inputs_), "inputs");
      call.batch.inputs = inputs->data();
      call.batch.n_inputs_before = static_cast<int>(inputs->shape(1));
    }
    call.batch.from_rest = from_rest;
    return call;
  }
};

}  // namespace

void bind_engine(nb::module_& m) {
  nb::class_<PyRun>(m, "DifferentiableRun")
      .def("backward", &PyRun::backward, "derivative"_a.noconvert(), "weights"_a.noconvert(),
           "keep_u"_a.noconvert().none(), "keep_v"_a.noconvert().none(), "vth"_a.noconvert().none(),
           "bias"_a.noconvert().none(), "input"_a.noconvert().none(), "number"_a.noconvert().none(), "threads"_a);
  nb::class_<AnyArrays>(m, "AnyArrays")
      .def(nb::init<AnyIn, AnyIn, AnyIn, AnyOut, Out<int32_t, nb::ndim<2>>, AnyOut>(), "payload"_a.noconvert(),
           "sent_before"_a.noconvert(), "inputs"_a.noconvert(), "fields"_a.noconvert(), "held"_a.noconvert(),
           "sent"_a.noconvert());
  nb::class_<PyEngine>(m, "Engine")
      .def(nb::init<const NetworkSpec&, const std::string&, const std::string&, bool, bool>(), "spec"_a, "arithmetic"_a,
           "instruction_set"_a, "double_gradient"_a, "any_model"_a = false)
      .def("set_model", &PyEngine::set_model, "layer"_a, "name"_a, "numbers"_a, "state"_a,
           "refractory_steps"_a.noconvert(), "sync_threshold"_a.noconvert())
      .def("set_units", &PyEngine::set_units, "unit"_a.noconvert())
      .def_prop_ro("instruction_set", &PyEngine::instruction_set)
      .def_prop_ro("largest_payload", &PyEngine::largest_payload)
      .def("set_neurons", &PyEngine::set_neurons, "keep_u"_a.noconvert(), "keep_v"_a.noconvert(), "vth"_a.noconvert(),
           "bias"_a.noconvert(), "unit"_a.noconvert())
      .def("set_weights", &PyEngine::set_weights, "synapses"_a, "values"_a.noconvert())
      .def("prepare", &PyEngine::prepare)
      .def("run", &PyEngine::run, "rules"_a, "samples"_a.noconvert(), "t0"_a, "channel"_a.noconvert(),
           "count"_a.noconvert(), "start"_a.noconvert(), "history"_a.noconvert().none(),
           "inputs"_a.noconvert().none(), "from_rest"_a, "u"_a.noconvert(), "v"_a.noconvert(), "counts"_a.noconvert(),
           "forward_steps"_a.noconvert(), "first_output"_a.noconvert(), "tally"_a.noconvert(),
           "decisions"_a.noconvert().none(), "threads"_a, "record"_a, "any"_a.none() = nb::none())
      .def("run_timed", &PyEngine::run_timed, "rules"_a, "times"_a.noconvert(), "core_of"_a.noconvert(),
           "way"_a.noconvert(), "replay"_a.noconvert().none(), "samples"_a.noconvert(), "t0"_a, "channel"_a.noconvert(),
           "count"_a.noconvert(), "start"_a.noconvert(), "history"_a.noconvert().none(),
           "inputs"_a.noconvert().none(), "from_rest"_a, "u"_a.noconvert(), "v"_a.noconvert(), "counts"_a.noconvert(),
           "forward_steps"_a.noconvert(), "first_output"_a.noconvert(), "tally"_a.noconvert(),
           "decisions"_a.noconvert().none(), "step_ps"_a.noconvert(), "first_output_ps"_a.noconvert(),
           "decided_ps"_a.noconvert(), "threads"_a, "record"_a, "any"_a.none() = nb::none())
      .def("record", &PyEngine::record, "rules"_a, "credit"_a, "peak"_a, "differentiated"_a, "arctangent"_a, "decays"_a,
           "neurons"_a, "weights"_a.noconvert(), "numbers"_a.noconvert(), "scale"_a, "weight_scale"_a,
           "samples"_a.noconvert(), "channel"_a.noconvert(), "count"_a.noconvert(), "start"_a.noconvert(),
           "u"_a.noconvert(), "v"_a.noconvert(), "forward_steps"_a.noconvert(),
           "first_output"_a.noconvert(), "tally"_a.noconvert(), "wanted"_a.noconvert(), "first_wanted"_a,
           "premature"_a.noconvert().none(), "machine"_a.none(), "threads"_a)
      .def("record_any", &PyEngine::record_any, "rules"_a, "credit"_a, "peak"_a, "differentiated"_a, "arctangent"_a,
           "wants_numbers"_a, "weights"_a.noconvert(), "weight_scale"_a, "number"_a.noconvert(), "exact"_a.noconvert(),
           "of_neurons"_a.noconvert(), "samples"_a.noconvert(), "channel"_a.noconvert(), "count"_a.noconvert(),
           "start"_a.noconvert(), "u"_a.noconvert(), "forward_steps"_a.noconvert(), "first_output"_a.noconvert(),
           "tally"_a.noconvert(), "wanted"_a.noconvert(), "first_wanted"_a, "any"_a, "factor"_a.noconvert().none(),
           "payload_bits"_a, "threads"_a);
}

}  // namespace lava_async
