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

#include "py_engine.hpp"

using namespace nanobind::literals;

namespace lava_async {
namespace {

// Spikes of the outputs so far (n, outputs), and after how many time steps each sample was decided (n,).
using Decisions = std::tuple<Out<int32_t, nb::ndim<2>>, Out<int32_t, nb::ndim<1>>>;

// Spike counts of earlier time steps.
using Earlier = std::optional<In<int32_t, nb::ndim<3>>>;

void take(const PyEngine& e, std::optional<Decisions>& decisions, Call& call) {
  if (!decisions) return;
  auto& [totals, decided] = *decisions;
  const auto n = static_cast<size_t>(call.batch.n), outputs = static_cast<size_t>(e.n_outputs);
  require(totals.shape(0) == n && totals.shape(1) == outputs && decided.shape(0) == n, "decisions");
  call.results.totals = totals.data();
  call.results.decided = decided.data();
}
Call call_of(const PyEngine& e, In<int64_t, nb::ndim<1>>& samples, int64_t t0, In<int32_t, nb::ndim<1>>& channel,
             In<int32_t, nb::ndim<1>>& count, In<int64_t, nb::ndim<2>>& start, Earlier& history, Earlier& inputs,
             bool from_rest, AnyOut& u, AnyOut& v, Out<int32_t, nb::ndim<3>>& counts,
             Out<int32_t, nb::ndim<2>>& forward_steps, Out<int32_t, nb::ndim<2>>& first_output,
             Out<int64_t, nb::shape<-1, 3>>& tally) {
  Call call(*e.engine, e.n_inputs, e.n_neurons, e.arithmetic, samples, t0, channel, count, start, u, v, forward_steps,
            first_output, tally);
  const size_t n = samples.shape(0), T = start.shape(1) - 1, N = static_cast<size_t>(e.n_neurons);
  require(counts.shape(0) == n && counts.shape(1) == T && counts.shape(2) == N, "counts");
  call.results.counts = counts.data();
  if (history) {
    require(history->shape(0) == n && history->shape(2) == N, "history");
    call.batch.history = history->data();
    call.batch.n_history = static_cast<int>(history->shape(1));
  }
  if (inputs) {
    require(inputs->shape(0) == n && inputs->shape(2) == static_cast<size_t>(e.n_inputs), "inputs");
    call.batch.inputs = inputs->data();
    call.batch.n_inputs_before = static_cast<int>(inputs->shape(1));
  }
  call.batch.from_rest = from_rest;
  return call;
}

nb::object run(const PyEngine& e, const Rules& rules, In<int64_t, nb::ndim<1>> samples, int64_t t0,
               In<int32_t, nb::ndim<1>> channel, In<int32_t, nb::ndim<1>> count, In<int64_t, nb::ndim<2>> start,
               Earlier history, Earlier inputs, bool from_rest, AnyOut u, AnyOut v, Out<int32_t, nb::ndim<3>> counts,
               Out<int32_t, nb::ndim<2>> forward_steps, Out<int32_t, nb::ndim<2>> first_output,
               Out<int64_t, nb::shape<-1, 3>> tally, std::optional<Decisions> decisions, int threads,
               const std::string& record, const AnyArrays* any) {
  Call call = call_of(e, samples, t0, channel, count, start, history, inputs, from_rest, u, v, counts, forward_steps,
                      first_output, tally);
  take(e, decisions, call);
  e.add_any(call, any, channel.shape(0));
  Recording recording;
  require(record == "counts" || record == "groups" || record == "trace", "record");
  recording.groups = record != "counts";
  recording.trace = record == "trace";
  Failure failure;
  {
    const nb::gil_scoped_release free;
    failure = e.engine->run(rules, call.batch, call.results, recording.groups ? &recording : nullptr, threads,
                            signal_arrived);
  }
  nb::object status = status_of(failure);
  if (!recording.groups) return status;
  return nb::make_tuple(status, recorded(recording, e.is_integer()));
}

nb::object run_timed(const PyEngine& e, const Rules& rules, In<int64_t, nb::ndim<1>> times,
                     In<int64_t, nb::ndim<1>> core_of, In<int64_t, nb::ndim<2>> way,
                     std::optional<In<int64_t, nb::shape<-1, 3>>> replay, In<int64_t, nb::ndim<1>> samples, int64_t t0,
                     In<int32_t, nb::ndim<1>> channel, In<int32_t, nb::ndim<1>> count, In<int64_t, nb::ndim<2>> start,
                     Earlier history, Earlier inputs, bool from_rest, AnyOut u, AnyOut v,
                     Out<int32_t, nb::ndim<3>> counts, Out<int32_t, nb::ndim<2>> forward_steps,
                     Out<int32_t, nb::ndim<2>> first_output, Out<int64_t, nb::shape<-1, 3>> tally,
                     std::optional<Decisions> decisions, Out<int64_t, nb::ndim<2>> step_ps,
                     Out<int64_t, nb::ndim<2>> first_output_ps, Out<int64_t, nb::ndim<1>> decided_ps, int threads,
                     const std::string& record, const AnyArrays* any) {
  Call call = call_of(e, samples, t0, channel, count, start, history, inputs, from_rest, u, v, counts, forward_steps,
                      first_output, tally);
  take(e, decisions, call);
  e.add_any(call, any, channel.shape(0));
  Machine machine = e.machine_of(times, core_of, way);
  machine.replaying = replay.has_value();
  if (replay) {
    machine.replay = replay->data();
    machine.n_replay = static_cast<int64_t>(replay->shape(0));
    for (int64_t r = 0; r < machine.n_replay; r++) {
      require(machine.replay[3 * r + 1] < e.n_inputs + e.n_neurons && machine.replay[3 * r + 2] < machine.n_cores,
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
    failure = e.engine->run_timed(rules, machine, call.batch, call.results, timed,
                                  recording.groups ? &recording : nullptr, &log, threads, signal_arrived);
  }
  nb::object status = status_of(failure);
  if (!recording.groups) return status;
  nb::dict found = recorded(recording, e.is_integer());
  found["log"] = array_of(std::move(log));
  return nb::make_tuple(status, found);
}

}  // namespace

void bind_engine(nb::module_& m) {
  nb::class_<AnyArrays>(m, "AnyArrays")
      .def(nb::init<AnyIn, AnyIn, AnyIn, AnyOut, Out<int32_t, nb::ndim<2>>, AnyOut>(), "payload"_a.noconvert(),
           "sent_before"_a.noconvert(), "inputs"_a.noconvert(), "fields"_a.noconvert(), "held"_a.noconvert(),
           "sent"_a.noconvert());
  nb::class_<PyEngine> engine(m, "Engine");
  engine
      .def(nb::init<const NetworkSpec&, const std::string&, const std::string&, bool, bool>(), "spec"_a, "arithmetic"_a,
           "instruction_set"_a, "double_gradient"_a, "any_model"_a = false)
      .def("set_model", &PyEngine::set_model, "layer"_a, "name"_a, "numbers"_a, "state"_a,
           "refractory_steps"_a.noconvert(), "sync_threshold"_a.noconvert())
      .def("set_units", &PyEngine::set_units, "unit"_a.noconvert())
      .def_prop_ro("instruction_set", [](const PyEngine& e) { return e.engine->instruction_set(); })
      .def_prop_ro("largest_payload", [](const PyEngine& e) { return e.engine->largest_payload(); })
      .def("set_neurons", &PyEngine::set_neurons, "keep_u"_a.noconvert(), "keep_v"_a.noconvert(), "vth"_a.noconvert(),
           "bias"_a.noconvert(), "unit"_a.noconvert())
      .def("set_weights", &PyEngine::set_weights, "synapses"_a, "values"_a.noconvert())
      .def("prepare", &PyEngine::prepare)
      .def("run", run, "rules"_a, "samples"_a.noconvert(), "t0"_a, "channel"_a.noconvert(), "count"_a.noconvert(),
           "start"_a.noconvert(), "history"_a.noconvert().none(), "inputs"_a.noconvert().none(), "from_rest"_a,
           "u"_a.noconvert(), "v"_a.noconvert(), "counts"_a.noconvert(), "forward_steps"_a.noconvert(),
           "first_output"_a.noconvert(), "tally"_a.noconvert(), "decisions"_a.noconvert().none(), "threads"_a,
           "record"_a, "any"_a.none() = nb::none())
      .def("run_timed", run_timed, "rules"_a, "times"_a.noconvert(), "core_of"_a.noconvert(), "way"_a.noconvert(),
           "replay"_a.noconvert().none(), "samples"_a.noconvert(), "t0"_a, "channel"_a.noconvert(),
           "count"_a.noconvert(), "start"_a.noconvert(), "history"_a.noconvert().none(), "inputs"_a.noconvert().none(),
           "from_rest"_a, "u"_a.noconvert(), "v"_a.noconvert(), "counts"_a.noconvert(), "forward_steps"_a.noconvert(),
           "first_output"_a.noconvert(), "tally"_a.noconvert(), "decisions"_a.noconvert().none(),
           "step_ps"_a.noconvert(), "first_output_ps"_a.noconvert(), "decided_ps"_a.noconvert(), "threads"_a,
           "record"_a, "any"_a.none() = nb::none());
  bind_training(m, engine);
}

}  // namespace lava_async
