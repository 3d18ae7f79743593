// The arrays of a call, checked before the engines see them, and what comes back.
#pragma once
#include "binding.hpp"
#include "engine.hpp"
#include "numbers.hpp"

#include <optional>
#include <string>

namespace lava_async {

// Asks whether a signal arrived, as Ctrl-C is one; the error is then set and thrown after the run.
inline bool signal_arrived() {
  const nb::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

// The type of states and numbers of neurons: integers cross the binding in 64 bits.
inline nb::dlpack::dtype dtype_of(Arithmetic a) {
  switch (a) {
    case Arithmetic::FLOAT32:
      return nb::dtype<float>();
    case Arithmetic::FLOAT64:
      return nb::dtype<double>();
    default:
      return nb::dtype<int64_t>();
  }
}

// Arrays of a call, checked.
struct Call {
  Batch batch;
  Results results;

  Call(const Engine& engine, int n_inputs, int n_neurons, Arithmetic arithmetic, In<int64_t, nb::ndim<1>> samples,
       int64_t t0, In<int32_t, nb::ndim<1>> channel, In<int32_t, nb::ndim<1>> count, In<int64_t, nb::ndim<2>> start,
       AnyOut u, AnyOut v, Out<int32_t, nb::ndim<2>> forward_steps, Out<int32_t, nb::ndim<2>> first_output,
       Out<int64_t, nb::shape<-1, 3>> tally) {
    const size_t n = samples.shape(0);
    require(start.shape(0) == n && start.shape(1) >= 1, "start");
    const size_t T = start.shape(1) - 1;
    require(channel.shape(0) == count.shape(0), "count");
    // Lists of spikes are trusted (lava_async.spikes checks them), but not with memory.
    const int64_t entries = static_cast<int64_t>(channel.shape(0));
    int64_t used = 0;
    for (size_t b = 0; b < n; b++) {
      const int64_t* steps = start.data() + b * (T + 1);
      for (size_t t = 0; t < T; t++) require(steps[t] <= steps[t + 1], "start");
      require(steps[0] >= 0 && steps[T] <= entries, "start");
      used = std::max(used, steps[T]);
    }
    const auto [last, most, least] = engine.range_of(channel.data(), count.data(), used);
    require(used == 0 || last < static_cast<uint32_t>(n_inputs), "channel");
    for (const AnyOut* x : {&u, &v}) {
      require(x->ndim() == 2 && x->shape(0) == n && x->shape(1) == static_cast<size_t>(n_neurons), "u, v");
      require(x->dtype() == dtype_of(arithmetic), "u, v: type");
    }
    require(forward_steps.shape(0) == n && forward_steps.shape(1) == T, "forward_steps");
    require(first_output.shape(0) == n && first_output.shape(1) == T, "first_output");
    require(tally.shape(0) == n, "tally");
    batch.n = static_cast<int>(n);
    batch.n_steps = static_cast<int>(T);
    batch.t0 = t0;
    batch.samples = samples.data();
    batch.channel = channel.data();
    batch.count = most == 1 && least == 0 ? nullptr : count.data();
    batch.start = start.data();
    batch.largest_payload = static_cast<int>(std::min<int64_t>(std::max<int64_t>(most, -int64_t{least}), INT32_MAX));
    results.u = u.data();
    results.v = v.data();
    results.forward_steps = forward_steps.data();
    results.first_output = first_output.data();
    results.tally = tally.data();
  }
};

inline nb::object status_of(const Failure& f) {
  if (f.status == Status::INTERRUPTED) throw nb::python_error();
  if (f.status == Status::DONE) return nb::none();
  static const char* const NAMES[] = {"done", "limit reached", "not pending", "too wide", "stuck", "interrupted"};
  return nb::make_tuple(NAMES[static_cast<int>(f.status)], f.sample, f.t, f.k, f.source);
}

inline nb::dict recorded(Recording& r, bool integers) {
  nb::dict found;
  found["group_t"] = array_of(std::move(r.group_t));
  found["group_k"] = array_of(std::move(r.group_k));
  found["group_size"] = array_of(std::move(r.group_size));
  found["ids"] = array_of(std::move(r.ids));
  found["check_t"] = array_of(std::move(r.check_t));
  found["check_k"] = array_of(std::move(r.check_k));
  found["fired"] = array_of(std::move(r.fired));
  found["n_fired"] = array_of(std::move(r.n_fired));
  found["u"] = integers ? array_of(std::move(r.integers_u)) : array_of(std::move(r.floats_u));
  found["fields"] = integers ? array_of(std::move(r.integers_fields)) : array_of(std::move(r.floats_fields));
  found["v"] = integers ? array_of(std::move(r.integers_v)) : array_of(std::move(r.floats_v));
  return found;
}

inline Arithmetic arithmetic_of(const std::string& name) {
  if (name == "float32") return Arithmetic::FLOAT32;
  if (name == "float64") return Arithmetic::FLOAT64;
  if (name == "int32") return Arithmetic::INT32;
  if (name == "int64") return Arithmetic::INT64;
  refuse("arithmetic");
}

// The arrays of a call for networks of any models, in the type of the arithmetic.
struct AnyArrays {
  AnyIn payload, sent_before, inputs;
  AnyOut fields;
  Out<int32_t, nb::ndim<2>> held;
  AnyOut sent;

  void add_to(Call& call, Arithmetic arithmetic, int n_inputs, int n_neurons, size_t n_entries) const {
    const auto type = dtype_of(arithmetic);
    const auto n = static_cast<size_t>(call.batch.n), N = static_cast<size_t>(n_neurons);
    require(payload.dtype() == type && payload.size() == n_entries, "payload");
    const size_t rows = static_cast<size_t>(call.batch.n_history);
    require(sent_before.dtype() == type && sent_before.size() == n * rows * N, "sent_before");
    require(inputs.dtype() == type, "inputs");
    require(inputs.size() == n * static_cast<size_t>(call.batch.n_inputs_before) * static_cast<size_t>(n_inputs),
            "inputs");
    require(fields.dtype() == type && fields.size() == n * MOST_FIELDS * N, "fields");
    require(held.shape(0) == n && held.shape(1) == N, "held");
    require(sent.dtype() == type && sent.size() == n * static_cast<size_t>(call.batch.n_steps) * N, "sent");
    call.batch.payload = payload.data();
    call.batch.sent_before = sent_before.data();
    call.batch.inputs_payload = inputs.data();
    call.results.fields = fields.data();
    call.results.held = held.data();
    call.results.sent = sent.data();
  }
};

}  // namespace lava_async
