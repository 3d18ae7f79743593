// Python in, Python out: checks every array (type, shape, contiguity) before the engines see it, gives up the GIL, and
// nothing else. What values mean is checked in lava_async/engine/compiled.py.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>

#include "engine.hpp"
#include "events.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace lava_async {
namespace {

template <class T, class... Shape>
using In = nb::ndarray<const T, nb::numpy, nb::c_contig, nb::device::cpu, Shape...>;
template <class T, class... Shape>
using Out = nb::ndarray<T, nb::numpy, nb::c_contig, nb::device::cpu, Shape...>;
using AnyIn = nb::ndarray<nb::ro, nb::numpy, nb::c_contig, nb::device::cpu>;
using AnyOut = nb::ndarray<nb::numpy, nb::c_contig, nb::device::cpu>;

[[noreturn]] void refuse(const char* what) { throw std::invalid_argument(what); }
void require(bool holds, const char* what) {
  if (!holds) refuse(what);
}

// Asks whether a signal arrived, as Ctrl-C is one; the error is then set and thrown after the run.
bool signal_arrived() {
  const nb::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

template <class T>
nb::object array_of(std::vector<T>&& values) {
  auto* kept = new std::vector<T>(std::move(values));
  const nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(kept->data(), {kept->size()}, owner));
}

// A network as it is described, part by part, before it is laid out.
struct PartSpec {
  int synapses, source, target;
  Kind kind;
  Geometry geometry;
  std::vector<int32_t> delay;
  std::vector<int32_t> pre, post, each_delay, entry;  // lists
  int64_t n_weights = 0;
};

class NetworkSpec {
 public:
  NetworkSpec(int n_inputs, std::vector<int> sizes, std::vector<int> outputs)
      : n_inputs_(n_inputs), sizes_(std::move(sizes)), outputs_(std::move(outputs)) {
    require(n_inputs >= 0, "n_inputs");
    int64_t n = 0;
    for (int size : sizes_) {
      require(size > 0, "layer size");
      n += size;
    }
    require(n + n_inputs < (1ll << 30), "number of neurons");
    for (int i : outputs_) require(i >= 0 && i < n, "outputs");
  }

  void add_dense(int source, int target, std::optional<In<int32_t, nb::ndim<1>>> delay) {
    PartSpec& p = add(source, target, Kind::DENSE);
    set_delay(p, delay);
  }
  void add_conv(int source, int target, const std::vector<int>& g, std::optional<In<int32_t, nb::ndim<1>>> delay) {
    require(g.size() == 16, "geometry");
    PartSpec& p = add(source, target, Kind::CONV);
    p.geometry = {g[0], g[1], g[2],           g[3],           g[4],           g[5],           g[6],
                  {g[7], g[8]}, {g[9], g[10]}, {g[11], g[12]}, {g[13], g[14]}, g[15]};
    for (int x : g) require(x >= 0, "geometry");
    require(p.geometry.n_source() == n_source(source) && p.geometry.n_target() == sizes_[target], "geometry");
    require(p.geometry.stride[0] > 0 && p.geometry.stride[1] > 0 && p.geometry.groups > 0, "geometry");
    require(p.geometry.per_group * p.geometry.groups == p.geometry.channels, "geometry");
    require(p.geometry.outputs % p.geometry.groups == 0, "geometry");
    set_delay(p, delay);
  }
  void add_sparse(int source, int target, In<int32_t, nb::ndim<1>> pre, In<int32_t, nb::ndim<1>> post,
                  std::optional<In<int32_t, nb::ndim<1>>> delay, std::optional<In<int32_t, nb::ndim<1>>> entry,
                  int64_t n_weights) {
    PartSpec& p = add(source, target, Kind::SPARSE);
    const size_t n = pre.shape(0);
    require(post.shape(0) == n && (!delay || delay->shape(0) == n), "sparse shapes");
    require(entry ? entry->shape(0) == n : n_weights == static_cast<int64_t>(n), "entry");
    for (size_t e = 0; e < n; e++) {
      require(pre.data()[e] >= 0 && pre.data()[e] < n_source(source), "pre");
      require(post.data()[e] >= 0 && post.data()[e] < sizes_[target], "post");
      require(e == 0 || pre.data()[e - 1] <= pre.data()[e], "pre: sorted");
      if (delay) require(delay->data()[e] >= 0, "delay");
      if (entry) require(entry->data()[e] >= 0 && entry->data()[e] < n_weights, "entry");
    }
    p.n_weights = n_weights;
    if (entry) p.entry.assign(entry->data(), entry->data() + n);
    p.pre.assign(pre.data(), pre.data() + n);
    p.post.assign(post.data(), post.data() + n);
    if (delay) p.each_delay.assign(delay->data(), delay->data() + n);
  }

  std::shared_ptr<const Layout> lay_out() const {
    std::vector<Geometry> convolutions;
    std::vector<std::pair<int, int>> ends;
    for (const PartSpec& s : specs_) {
      if (s.kind != Kind::CONV) continue;
      convolutions.push_back(s.geometry);
      ends.push_back({s.source, s.target});
    }
    auto net = std::make_shared<Layout>(n_inputs_, sizes_, outputs_, convolutions, ends);
    for (const PartSpec& s : specs_) add_parts(*net, s);
    net->connect();
    return net;
  }
  std::vector<int64_t> n_weights() const {
    std::vector<int64_t> found;
    for (const PartSpec& s : specs_) {
      found.push_back(s.kind == Kind::DENSE  ? static_cast<int64_t>(n_source(s.source)) * sizes_[s.target]
                      : s.kind == Kind::CONV ? static_cast<int64_t>(s.geometry.n_weights())
                                             : s.n_weights);
    }
    return found;
  }
  int n_inputs() const { return n_inputs_; }
  int n_neurons() const {
    int n = 0;
    for (int size : sizes_) n += size;
    return n;
  }

 private:
  int n_inputs_;
  std::vector<int> sizes_, outputs_;
  std::vector<PartSpec> specs_;

  int n_source(int layer) const { return layer == INPUT ? n_inputs_ : sizes_[layer]; }
  PartSpec& add(int source, int target, Kind kind) {
    const int n_layers = static_cast<int>(sizes_.size());
    require(source >= INPUT && source < n_layers && target >= 0 && target < n_layers, "layer");
    specs_.push_back({static_cast<int>(specs_.size()), source, target, kind, {}, {}, {}, {}, {}, {}, 0});
    return specs_.back();
  }
  void set_delay(PartSpec& p, const std::optional<In<int32_t, nb::ndim<1>>>& delay) const {
    if (!delay) return;
    require(delay->shape(0) == static_cast<size_t>(n_source(p.source)), "delay");
    for (size_t j = 0; j < delay->shape(0); j++) require(delay->data()[j] >= 0, "delay");
    p.delay.assign(delay->data(), delay->data() + delay->shape(0));
  }
  static void take_delay(Part& p, const std::vector<int32_t>& delay) {
    if (delay.empty()) return;
    p.delay.reserve(delay.size());
    std::copy(delay.begin(), delay.end(), p.delay.get());
  }

  static void add_parts(Layout& net, const PartSpec& s) {
    if (s.kind == Kind::DENSE) {
      Part& p = net.add(s.synapses, s.source, s.target, s.kind);
      take_delay(p, s.delay);
      net.place(p);
    } else if (s.kind == Kind::CONV) {
      const Geometry& g = s.geometry;
      const bool grids = net.is_grid(s.target, g.outputs, g.out_height, g.out_width) &&
                         (s.source == INPUT || net.is_grid(s.source, g.channels, g.height, g.width));
      Part& p = net.add(s.synapses, s.source, s.target, grids ? Kind::CONV : Kind::SPARSE);
      p.geometry = g;
      take_delay(p, s.delay);
      if (!grids) expand(net, p);
      net.place(p);
    } else {
      add_lists(net, s);
    }
  }
  // A convolution between layers of which one is a grid of another shape already, as a list of synapses.
  static void expand(const Layout& net, Part& p) {
    const Geometry& g = p.geometry;
    std::vector<int32_t> reached, entry;
    p.start = Array<int64_t>(p.n_source + 1);
    for (int row = 0; row < p.n_source; row++) {
      const int c = row / (g.height * g.width), y = row / g.width % g.height, x = row % g.width;
      for (int o = 0; o < g.outputs; o++) {
        if (o / g.outputs_per_group() != c / g.per_group) continue;
        for (int k = 0; k < g.kernel[0]; k++) {
          for (int m = 0; m < g.kernel[1]; m++) {
            const int ty = g.target(0, y, k), tx = g.target(1, x, m);
            if (ty < 0 || tx < 0) continue;
            reached.push_back(net.place_of[net.layers[p.target].first + (o * g.out_height + ty) * g.out_width + tx]);
            entry.push_back(static_cast<int32_t>(g.weight(o, c % g.per_group, k, m)));
          }
        }
      }
      p.start[row + 1] = static_cast<int64_t>(reached.size());
    }
    p.reached.reserve(reached.size() + 1);
    p.entry.reserve(entry.size() + 1);
    std::copy(reached.begin(), reached.end(), p.reached.get());
    std::copy(entry.begin(), entry.end(), p.entry.get());
  }
  // Synapses with different delays are different parts.
  static void add_lists(Layout& net, const PartSpec& s) {
    std::vector<int32_t> delays = s.each_delay;
    std::sort(delays.begin(), delays.end());
    delays.erase(std::unique(delays.begin(), delays.end()), delays.end());
    if (delays.empty()) delays.push_back(0);
    const size_t n = s.pre.size();
    for (int32_t delay : delays) {
      Part& p = net.add(s.synapses, s.source, s.target, Kind::SPARSE);
      const auto belongs = [&](size_t e) { return s.each_delay.empty() || s.each_delay[e] == delay; };
      size_t count = 0;
      for (size_t e = 0; e < n; e++) count += belongs(e);
      if (delay > 0) p.delay = Array<int32_t>(p.n_source + 1, delay);
      p.start = Array<int64_t>(p.n_source + 1);
      p.reached.reserve(count + 1);
      const bool has_entries = delays.size() > 1 || !s.entry.empty();
      if (has_entries) p.entry.reserve(count + 1);
      const int first = net.layers[s.target].first;
      size_t at = 0;
      for (size_t e = 0; e < n; e++) {
        if (!belongs(e)) continue;
        p.reached[at] = net.place_of[first + s.post[e]];
        if (has_entries) p.entry[at] = s.entry.empty() ? static_cast<int32_t>(e) : s.entry[e];
        p.start[s.pre[e] + 1] = static_cast<int64_t>(++at);
      }
      for (int j = 0; j < p.n_source; j++) p.start[j + 1] = std::max(p.start[j + 1], p.start[j]);
      net.place(p);
    }
  }
};

nb::dlpack::dtype dtype_of(Arithmetic a) {
  switch (a) {
    case Arithmetic::FLOAT32: return nb::dtype<float>();
    case Arithmetic::FLOAT64: return nb::dtype<double>();
    case Arithmetic::INT32: return nb::dtype<int32_t>();
    default: return nb::dtype<int64_t>();
  }
}

// Arrays of a call, checked.
struct Call {
  Batch batch;
  Results results;

  Call(int n_inputs, int n_neurons, Arithmetic arithmetic, In<int64_t, nb::ndim<1>> samples, int64_t t0,
       In<int32_t, nb::ndim<1>> channel, In<int32_t, nb::ndim<1>> count, In<int64_t, nb::ndim<2>> start,
       int largest_payload, AnyOut u, AnyOut v, Out<int32_t, nb::ndim<2>> forward_steps,
       Out<int32_t, nb::ndim<2>> first_output, Out<int64_t, nb::shape<-1, 3>> tally) {
    const size_t n = samples.shape(0);
    require(start.shape(0) == n && start.shape(1) >= 1, "start");
    const size_t T = start.shape(1) - 1;
    require(channel.shape(0) == count.shape(0), "count");
    // Lists of spikes are trusted (lava_async.spikes checks them), but not with memory.
    const int64_t entries = static_cast<int64_t>(channel.shape(0));
    for (size_t i = 0; i < n * (T + 1); i++) {
      require(start.data()[i] >= 0 && start.data()[i] <= entries, "start");
      require(i % (T + 1) == 0 || start.data()[i - 1] <= start.data()[i], "start");
    }
    uint32_t most = 0;
    for (int64_t e = 0; e < entries; e++) most = std::max(most, static_cast<uint32_t>(channel.data()[e]));
    require(entries == 0 || most < static_cast<uint32_t>(n_inputs), "channel");
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
    batch.count = largest_payload == 1 ? nullptr : count.data();
    batch.start = start.data();
    batch.largest_payload = largest_payload;
    results.u = u.data();
    results.v = v.data();
    results.forward_steps = forward_steps.data();
    results.first_output = first_output.data();
    results.tally = tally.data();
  }
};

nb::object status_of(const Failure& f) {
  if (f.status == Status::INTERRUPTED) throw nb::python_error();
  if (f.status == Status::DONE) return nb::none();
  static const char* const NAMES[] = {"done", "limit reached", "not pending", "too wide", "interrupted"};
  return nb::make_tuple(NAMES[static_cast<int>(f.status)], f.sample, f.t, f.k, f.source);
}

nb::dict recorded(Recording& r, bool integers) {
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
  found["v"] = integers ? array_of(std::move(r.integers_v)) : array_of(std::move(r.floats_v));
  return found;
}

Arithmetic arithmetic_of(const std::string& name) {
  if (name == "float32") return Arithmetic::FLOAT32;
  if (name == "float64") return Arithmetic::FLOAT64;
  if (name == "int32") return Arithmetic::INT32;
  if (name == "int64") return Arithmetic::INT64;
  refuse("arithmetic");
}

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
                std::optional<AnyOut> input, int threads) const {
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
    Status status;
    {
      const nb::gil_scoped_release free;
      status = run->backward(batch, derivative.data(), to, threads, signal_arrived);
    }
    if (status == Status::INTERRUPTED) throw nb::python_error();
  }
};

class PyEngine {
 public:
  PyEngine(const NetworkSpec& spec, const std::string& arithmetic, const std::string& instruction_set,
           bool double_gradient)
      : arithmetic_(arithmetic_of(arithmetic)), doubles_(double_gradient || arithmetic_ == Arithmetic::FLOAT64),
        n_inputs_(spec.n_inputs()), n_neurons_(spec.n_neurons()), n_weights_(spec.n_weights()) {
    const nb::gil_scoped_release free;
    engine_ = make_engine(spec.lay_out(), arithmetic_, doubles_, instruction_set);
  }

  std::string instruction_set() const { return engine_->instruction_set(); }
  void set_neurons(In<double, nb::ndim<1>> keep_u, In<double, nb::ndim<1>> keep_v, In<double, nb::ndim<1>> vth,
                   In<double, nb::ndim<1>> bias, In<double, nb::ndim<1>> unit) {
    for (const auto* x : {&keep_u, &keep_v, &vth, &bias, &unit}) {
      require(x->shape(0) == static_cast<size_t>(n_neurons_), "neurons");
    }
    engine_->set_neurons(keep_u.data(), keep_v.data(), vth.data(), bias.data(), unit.data());
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
                 In<int32_t, nb::ndim<1>> count, In<int64_t, nb::ndim<2>> start, int largest_payload,
                 In<int32_t, nb::ndim<3>> history, In<int32_t, nb::ndim<3>> inputs, bool from_rest, AnyOut u, AnyOut v,
                 Out<int32_t, nb::ndim<3>> counts, Out<int32_t, nb::ndim<2>> forward_steps,
                 Out<int32_t, nb::ndim<2>> first_output, Out<int64_t, nb::shape<-1, 3>> tally, int threads,
                 const std::string& record) {
    Call call = call_of(samples, t0, channel, count, start, largest_payload, history, inputs, from_rest, u, v, counts,
                        forward_steps, first_output, tally);
    Recording recording;
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
                       In<int32_t, nb::ndim<1>> count, In<int64_t, nb::ndim<2>> start, int largest_payload,
                       In<int32_t, nb::ndim<3>> history, In<int32_t, nb::ndim<3>> inputs, AnyOut u, AnyOut v,
                       Out<int32_t, nb::ndim<3>> counts, Out<int32_t, nb::ndim<2>> forward_steps,
                       Out<int32_t, nb::ndim<2>> first_output, Out<int64_t, nb::shape<-1, 3>> tally,
                       Out<int64_t, nb::ndim<2>> step_ps, Out<int64_t, nb::ndim<2>> first_output_ps, int threads,
                       const std::string& record) {
    Call call = call_of(samples, t0, channel, count, start, largest_payload, history, inputs, false, u, v, counts,
                        forward_steps, first_output, tally);
    require(times.shape(0) == 7, "times");
    require(core_of.shape(0) == static_cast<size_t>(n_neurons_) && way.shape(0) == way.shape(1), "core_of, way");
    Machine machine;
    const int64_t* t = times.data();
    machine.times = {t[0], t[1], t[2], t[3], t[4], t[5], t[6]};
    machine.n_cores = static_cast<int>(way.shape(0));
    machine.core_of = core_of.data();
    machine.way = way.data();
    for (int i = 0; i < n_neurons_; i++) require(core_of.data()[i] >= 0 && core_of.data()[i] < machine.n_cores, "core_of");
    machine.replaying = replay.has_value();
    if (replay) {
      machine.replay = replay->data();
      machine.n_replay = static_cast<int64_t>(replay->shape(0));
      for (int64_t r = 0; r < machine.n_replay; r++) {
        require(machine.replay[3 * r + 1] < n_inputs_ + n_neurons_ && machine.replay[3 * r + 2] < machine.n_cores, "replay");
      }
    }
    const size_t n = samples.shape(0), T = start.shape(1) - 1;
    require(step_ps.shape(0) == n && step_ps.shape(1) == T, "step_ps");
    require(first_output_ps.shape(0) == n && first_output_ps.shape(1) == T, "first_output_ps");
    TimedResults timed{step_ps.data(), first_output_ps.data(), {}};
    Recording recording;
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

  nb::object record(const Rules& rules, const std::string& credit, bool peak, bool differentiated, bool arctangent,
                    bool decays, bool neurons, const std::vector<AnyIn>& weights, const std::vector<AnyIn>& numbers,
                    double scale, double weight_scale, In<int64_t, nb::ndim<1>> samples,
                    In<int32_t, nb::ndim<1>> channel, In<int32_t, nb::ndim<1>> count, In<int64_t, nb::ndim<2>> start,
                    int largest_payload, AnyOut u, AnyOut v, Out<int32_t, nb::ndim<2>> forward_steps,
                    Out<int32_t, nb::ndim<2>> first_output, Out<int64_t, nb::shape<-1, 3>> tally, AnyOut wanted,
                    int first_wanted, int threads) {
    Call call(n_inputs_, n_neurons_, arithmetic_, samples, 0, channel, count, start, largest_payload, u, v,
              forward_steps, first_output, tally);
    const auto type = doubles_ ? nb::dtype<double>() : nb::dtype<float>();
    require(wanted.dtype() == type && wanted.ndim() == 3, "wanted");
    require(wanted.shape(0) == samples.shape(0) && wanted.shape(1) + 1 == start.shape(1), "wanted");
    const int n_wanted = static_cast<int>(wanted.shape(2));
    require(first_wanted >= 0 && first_wanted + n_wanted <= n_neurons_, "wanted");
    call.results.wanted = wanted.data();
    call.results.first_wanted = first_wanted;
    call.results.n_wanted = n_wanted;
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
    GradientRules rule;
    rule.credit = credit == "delivered" ? DELIVERED : credit == "all" ? ALL : credit == "keep" ? KEEP : LAST;
    rule.peak = peak;
    rule.differentiated = differentiated;
    rule.surrogate = arctangent ? ARCTANGENT : EXPONENTIAL;
    rule.decays = decays;
    rule.neurons = neurons;
    Failure failure;
    Engine::Unfit unfit;
    std::shared_ptr<DifferentiableRun> run;
    {
      const nb::gil_scoped_release free;
      run = engine_->record(rules, rule, parameters, call.batch, call.results, threads, signal_arrived, failure, unfit);
    }
    if (unfit.synapses >= 0) return nb::make_tuple(nb::make_tuple("unfit", unfit.synapses, unfit.index), nb::none());
    nb::object status = status_of(failure);
    if (!status.is_none()) return nb::make_tuple(status, nb::none());
    PyRun found{run, call.batch, static_cast<size_t>(n_wanted), n_inputs_, n_neurons_, doubles_, n_weights_, {}};
    for (nb::object x : {nb::cast(samples), nb::cast(channel), nb::cast(count), nb::cast(start)}) found.kept.push_back(x);
    return nb::make_tuple(status, nb::cast(std::move(found)));
  }

 private:
  Arithmetic arithmetic_;
  bool doubles_;
  int n_inputs_, n_neurons_;
  std::vector<int64_t> n_weights_;
  std::shared_ptr<Engine> engine_;

  bool is_integer() const { return arithmetic_ == Arithmetic::INT32 || arithmetic_ == Arithmetic::INT64; }

  Call call_of(In<int64_t, nb::ndim<1>>& samples, int64_t t0, In<int32_t, nb::ndim<1>>& channel,
               In<int32_t, nb::ndim<1>>& count, In<int64_t, nb::ndim<2>>& start, int largest_payload,
               In<int32_t, nb::ndim<3>>& history, In<int32_t, nb::ndim<3>>& inputs, bool from_rest, AnyOut& u, AnyOut& v,
               Out<int32_t, nb::ndim<3>>& counts, Out<int32_t, nb::ndim<2>>& forward_steps,
               Out<int32_t, nb::ndim<2>>& first_output, Out<int64_t, nb::shape<-1, 3>>& tally) const {
    Call call(n_inputs_, n_neurons_, arithmetic_, samples, t0, channel, count, start, largest_payload, u, v,
              forward_steps, first_output, tally);
    const size_t n = samples.shape(0), T = start.shape(1) - 1, N = static_cast<size_t>(n_neurons_);
    require(counts.shape(0) == n && counts.shape(1) == T && counts.shape(2) == N, "counts");
    require(history.shape(0) == n && history.shape(2) == N, "history");
    require(inputs.shape(0) == n && inputs.shape(2) == static_cast<size_t>(n_inputs_), "inputs");
    call.results.counts = counts.data();
    call.batch.history = history.data();
    call.batch.n_history = static_cast<int>(history.shape(1));
    call.batch.inputs = inputs.data();
    call.batch.n_inputs_before = static_cast<int>(inputs.shape(1));
    call.batch.from_rest = from_rest;
    return call;
  }
};

Rules make_rules(std::tuple<int, int, double> order, bool layered, int group_size, int extra_steps, int limit,
                 bool truncate, bool refractory, bool input_first, double refractory_dropout, uint64_t seed,
                 std::optional<std::tuple<In<int64_t, nb::shape<-1, 3>>, In<int32_t, nb::ndim<1>>>> replay) {
  require(group_size >= 1 && limit >= 1, "group_size, limit");
  Rules r;
  r.order = {std::get<0>(order), std::get<1>(order), std::get<2>(order)};
  require(std::abs(r.order.first) <= LAYER && std::abs(r.order.second) <= LAYER, "order");
  r.layered = layered;
  r.group_size = group_size;
  r.extra_steps = extra_steps;
  r.limit = limit;
  r.truncate = truncate;
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
}  // namespace lava_async

NB_MODULE(_core, m) {
  using namespace lava_async;
  nb::set_leak_warnings(false);
  m.doc() = "The engines in C++; lava_async.engine.compiled is their only user.";
  m.def("instruction_sets", &instruction_sets, "Names of the instruction sets that this machine runs, the best first.");
  nb::class_<NetworkSpec>(m, "NetworkSpec")
      .def(nb::init<int, std::vector<int>, std::vector<int>>(), "n_inputs"_a, "sizes"_a, "outputs"_a)
      .def("add_dense", &NetworkSpec::add_dense, "source"_a, "target"_a, "delay"_a.none())
      .def("add_conv", &NetworkSpec::add_conv, "source"_a, "target"_a, "geometry"_a, "delay"_a.none())
      .def("add_sparse", &NetworkSpec::add_sparse, "source"_a, "target"_a, "pre"_a, "post"_a, "delay"_a.none(),
           "entry"_a.none(), "n_weights"_a);
  nb::class_<Rules>(m, "Rules")
      .def("__init__", [](Rules* self, std::tuple<int, int, double> order, bool layered, int group_size,
                          int extra_steps, int limit, bool truncate, bool refractory, bool input_first,
                          double refractory_dropout, uint64_t seed,
                          std::optional<std::tuple<In<int64_t, nb::shape<-1, 3>>, In<int32_t, nb::ndim<1>>>> replay) {
        new (self) Rules(make_rules(order, layered, group_size, extra_steps, limit, truncate, refractory, input_first,
                                    refractory_dropout, seed, std::move(replay)));
      }, "order"_a, "layered"_a, "group_size"_a, "extra_steps"_a, "limit"_a, "truncate"_a, "refractory"_a,
         "input_first"_a, "refractory_dropout"_a, "seed"_a, "replay"_a.none());
  nb::class_<PyRun>(m, "DifferentiableRun")
      .def("backward", &PyRun::backward, "derivative"_a, "weights"_a, "keep_u"_a.none(), "keep_v"_a.none(),
           "vth"_a.none(), "bias"_a.none(), "input"_a.none(), "threads"_a);
  nb::class_<PyEngine>(m, "Engine")
      .def(nb::init<const NetworkSpec&, const std::string&, const std::string&, bool>(), "spec"_a, "arithmetic"_a,
           "instruction_set"_a, "double_gradient"_a)
      .def_prop_ro("instruction_set", &PyEngine::instruction_set)
      .def_prop_ro("largest_payload", &PyEngine::largest_payload)
      .def("set_neurons", &PyEngine::set_neurons, "keep_u"_a, "keep_v"_a, "vth"_a, "bias"_a, "unit"_a)
      .def("set_weights", &PyEngine::set_weights, "synapses"_a, "values"_a)
      .def("prepare", &PyEngine::prepare)
      .def("run", &PyEngine::run, "rules"_a, "samples"_a, "t0"_a, "channel"_a, "count"_a, "start"_a,
           "largest_payload"_a, "history"_a, "inputs"_a, "from_rest"_a, "u"_a, "v"_a, "counts"_a, "forward_steps"_a,
           "first_output"_a, "tally"_a, "threads"_a, "record"_a)
      .def("run_timed", &PyEngine::run_timed, "rules"_a, "times"_a, "core_of"_a, "way"_a, "replay"_a.none(),
           "samples"_a, "t0"_a, "channel"_a, "count"_a, "start"_a, "largest_payload"_a, "history"_a, "inputs"_a, "u"_a,
           "v"_a, "counts"_a, "forward_steps"_a, "first_output"_a, "tally"_a, "step_ps"_a, "first_output_ps"_a,
           "threads"_a, "record"_a)
      .def("record", &PyEngine::record, "rules"_a, "credit"_a, "peak"_a, "differentiated"_a, "arctangent"_a,
           "decays"_a, "neurons"_a, "weights"_a, "numbers"_a, "scale"_a, "weight_scale"_a, "samples"_a, "channel"_a,
           "count"_a, "start"_a, "largest_payload"_a, "u"_a, "v"_a, "forward_steps"_a, "first_output"_a, "tally"_a,
           "wanted"_a, "first_wanted"_a, "threads"_a);
  bind_events(m);
  bind_augment(m);
}
