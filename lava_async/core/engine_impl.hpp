// The engine for one arithmetic on one instruction set.
#pragma once
#include <algorithm>
#include <memory>
#include <mutex>
#include <stdexcept>

#include "engine.hpp"
#include "forward.hpp"
#include "share.hpp"
#include "threads.hpp"
#include "timed.hpp"

#define LAVA_STRING_(x) #x
#define LAVA_STRING(x) LAVA_STRING_(x)

namespace lava_async {
namespace LAVA_ISA {

// Memory that is used again by later calls: fresh memory costs page faults, a third of the time of a short run.
template <class T>
class Pool {
 public:
  template <class Make>
  std::unique_ptr<T> take(Make make) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!free_.empty()) {
        auto found = std::move(free_.back());
        free_.pop_back();
        return found;
      }
    }
    return make();
  }
  void give_back(std::unique_ptr<T> x) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (free_.size() < MOST) free_.push_back(std::move(x));
  }

 private:
  static constexpr size_t MOST = 64;
  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> free_;
};

// Which samples form a share of a batch that is differentiated: a rule of the batch alone.
struct Shares {
  int n, of;
  explicit Shares(int samples) : n(std::min(samples, std::max(4, std::min(16, samples / 64)))), of(samples) {}
  int begin(int share) const { return static_cast<int>(static_cast<int64_t>(of) * share / n); }
};

// Numbers of one run that is differentiated.
template <class Num, class Real>
struct TrainedNumbers {
  Numbers<Num> numbers;
  Trainable<Real> floats;
  explicit TrainedNumbers(const Layout& net) : numbers(net), floats(net) {}
};

template <class Real>
struct Differentiation {
  std::vector<std::unique_ptr<UsualBackward<Real>>> usual;
  std::unique_ptr<GeneralBackward<Real>> general;
  Gradients<Real> gradients;
};

template <class Num, class Real>
struct Pools {
  Pool<Workspace<Num>> workspaces;
  Pool<Tape<Real>> tapes;
  Pool<TrainedNumbers<Num, Real>> trained;
  Pool<Gradients<Real>> gradients;
};

template <class Num, class Real>
class Recorded : public DifferentiableRun {
 public:
  Recorded(std::shared_ptr<const Layout> net, std::shared_ptr<Pools<Num, Real>> pools,
           std::unique_ptr<TrainedNumbers<Num, Real>> trained, const Rules& rules, const GradientRules& rule, int n,
           int first_wanted, int n_wanted, double weight_scale, double unit, bool usual)
      : net_(std::move(net)), pools_(std::move(pools)), trained_(std::move(trained)), rules_(rules), rule_(rule),
        shares_(n), first_wanted_(first_wanted), n_wanted_(n_wanted), weight_scale_(weight_scale), unit_(unit),
        usual_(usual) {
    for (int i = 0; i < shares_.n; i++) {
      tapes_.push_back(pools_->tapes.take([] { return std::make_unique<Tape<Real>>(); }));
    }
  }
  ~Recorded() override {
    for (auto& tape : tapes_) pools_->tapes.give_back(std::move(tape));
    pools_->trained.give_back(std::move(trained_));
  }

  const Shares& shares() const { return shares_; }
  Tape<Real>& tape(int share) { return *tapes_[share]; }
  const Numbers<Num>& numbers() const { return trained_->numbers; }

  Status backward(const Batch& batch, const void* derivative, const GradientResults& to, int threads,
                  const std::function<bool()>& asked) override {
    const Layout& net = *net_;
    GradientRules rule = rule_;
    rule.input = to.input != nullptr;
    std::vector<std::unique_ptr<Gradients<Real>>> gradients(shares_.n);
    const bool done = in_threads(threads, shares_.n, asked, [&](int share, Interrupt& interrupt) {
      gradients[share] = pools_->gradients.take([] { return std::make_unique<Gradients<Real>>(); });
      gradients[share]->make(net);
      const Tape<Real>& tape = *tapes_[share];
      const int first = shares_.begin(share), n = shares_.begin(share + 1) - first;
      const auto sample = [&](int i) {
        const size_t b = first + i;
        BackwardSample<Real> s;
        s.channel = batch.channel;
        s.count = batch.count;
        s.start = batch.start + b * (batch.n_steps + 1);
        s.derivative = static_cast<const Real*>(derivative) + b * batch.n_steps * n_wanted_;
        s.input = to.input ? static_cast<Real*>(to.input) + b * batch.n_steps * net.n_inputs : nullptr;
        s.n_steps = batch.n_steps;
        s.place = tape.begins[i];
        return s;
      };
      if (usual_) {
        std::vector<std::unique_ptr<UsualBackward<Real>>> walkers;
        for (int i = 0; i < std::min(n, SIDE_BY_SIDE); i++) {
          walkers.push_back(std::make_unique<UsualBackward<Real>>(net, rules_, rule, tape, trained_->floats,
                                                                  *gradients[share]));
        }
        usual_backward(net, trained_->floats, walkers, n, sample, first_wanted_, n_wanted_,
                       [&] { return interrupt.raised(); });
      } else {
        GeneralBackward<Real> walker(net, rules_, rule, tape, trained_->floats, *gradients[share]);
        for (int i = 0; i < n && !interrupt.raised(); i++) walker.run(sample(i), first_wanted_, n_wanted_);
      }
    });
    if (done) add_up(gradients, to);
    for (auto& g : gradients) {
      if (g) pools_->gradients.give_back(std::move(g));
    }
    return done ? Status::DONE : Status::INTERRUPTED;
  }

 private:
  std::shared_ptr<const Layout> net_;
  std::shared_ptr<Pools<Num, Real>> pools_;
  std::unique_ptr<TrainedNumbers<Num, Real>> trained_;
  const Rules rules_;
  const GradientRules rule_;
  const Shares shares_;
  const int first_wanted_, n_wanted_;
  const double weight_scale_, unit_;
  const bool usual_;
  std::vector<std::unique_ptr<Tape<Real>>> tapes_;

  // Adds up shares in their order, in the shapes of users.
  void add_up(const std::vector<std::unique_ptr<Gradients<Real>>>& gradients, const GradientResults& to) {
    const Layout& net = *net_;
    const auto neurons = [&](Array<Real> Gradients<Real>::*of, void* into) {
      for (int i = 0; into && i < net.n_neurons; i++) {
        Real total = 0;
        for (const auto& g : gradients) total += ((*g).*of)[net.place_of[i]];
        static_cast<Real*>(into)[i] = total;
      }
    };
    neurons(&Gradients<Real>::keep_u, to.keep_u);
    neurons(&Gradients<Real>::keep_v, to.keep_v);
    neurons(&Gradients<Real>::vth, to.vth);
    neurons(&Gradients<Real>::bias, to.bias);
    for (size_t i = 1; i < gradients.size(); i++) {
      Real* total = gradients[0]->weights.get();
      const Real* more = gradients[i]->weights.get();
      for (size_t at = 0; at < net.n_weights; at += BLOCK) store(total + at, load(total + at) + load(more + at));
    }
    const Real* total = gradients.empty() ? nullptr : gradients[0]->weights.get();
    const Real scale = static_cast<Real>(weight_scale_ * unit_);
    for (const Part& p : net.parts) {
      Real* into = static_cast<Real*>(to.weights[p.synapses]);
      if (!into || !total) continue;
      each_weight(net, p, [&](size_t at, int target, size_t weight) {
        into[weight] += total[at] * (scale * static_cast<Real>(trained_->numbers.unit[target]));
      });
    }
  }
};

// What an engine is for: gradients in double precision are checked, and nothing else.
enum Purpose { EVERYTHING, GRADIENTS };

// M: the neuron model; IN_RANGE: the same model where states stay within their range without a look.
template <class M, class IN_RANGE, class Real, Purpose PURPOSE>
class EngineOf : public Engine {
  using Num = typename M::Num;
  static constexpr bool NARROW = std::is_same_v<Num, int32_t>;

 public:
  explicit EngineOf(std::shared_ptr<const Layout> net)
      : net_(std::move(net)), numbers_(std::make_unique<Numbers<Num>>(*net_)),
        pools_(std::make_shared<Pools<Num, Real>>()) {}

  std::string instruction_set() const override { return LAVA_STRING(LAVA_ISA); }

  void set_neurons(const double* keep_u, const double* keep_v, const double* vth, const double* bias,
                   const double* unit) override {
    numbers_->set_neurons(*net_, keep_u, keep_v, vth, bias, 1.0);
    for (int i = 0; i < net_->n_neurons; i++) numbers_->unit[net_->place_of[i]] = static_cast<Num>(unit[i]);
  }
  void set_weights(int synapses, Values values) override {
    for (const Part& p : net_->parts) {
      if (p.synapses != synapses) continue;
      switch (values.type) {
        case Values::FLOAT32: numbers_->set_weights(*net_, p, static_cast<const float*>(values.data)); break;
        case Values::FLOAT64: numbers_->set_weights(*net_, p, static_cast<const double*>(values.data)); break;
        case Values::INT32: numbers_->set_weights(*net_, p, static_cast<const int32_t*>(values.data)); break;
        case Values::INT64: numbers_->set_weights(*net_, p, static_cast<const int64_t*>(values.data)); break;
      }
    }
  }
  void prepare() override { numbers_->bounds(*net_); }
  int largest_payload() const override { return largest_payload_of(*numbers_); }

  Failure run(const Rules& rules, const Batch& batch, const Results& results, Recording* recording, int threads,
              const std::function<bool()>& asked) override {
    if constexpr (PURPOSE == GRADIENTS) {
      throw std::logic_error("an engine for gradients");
    } else {
      if (is_counted(rules)) return run_as<M, true>(rules, batch, results, recording, threads, asked);
      return visit(*numbers_, batch, [&](auto m) {
        return run_as<decltype(m), false>(rules, batch, results, recording, threads, asked);
      });
    }
  }

  Failure run_timed(const Rules& rules, const Machine& machine, const Batch& batch, const Results& results,
                    const TimedResults& timed, Recording* recording, std::vector<int64_t>* log, int threads,
                    const std::function<bool()>& asked) override {
    if constexpr (PURPOSE == GRADIENTS) {
      throw std::logic_error("an engine for gradients");
    } else {
      const auto cores = cores_of(machine);
      return each_sample(batch, results, recording, threads, asked, [&](Workspace<Num>& ws, Interrupt& interrupt) {
      return [&, run = TimedForward<M>(*net_, *numbers_, rules, machine, *cores, ws, interrupt)](
                 Sample<Num, float>& s, int b) mutable {
        const size_t at = static_cast<size_t>(b) * batch.n_steps;
        return run.run(s, timed.step_ps + at, timed.first_output_ps + at, log);
      };
    });
    }
  }

  std::shared_ptr<DifferentiableRun> record(const Rules& rules, const GradientRules& rule,
                                            const Parameters& parameters, const Batch& batch, const Results& results,
                                            int threads, const std::function<bool()>& asked, Failure& failure,
                                            Unfit& unfit) override {
    const Layout& net = *net_;
    const double unit = 1 / parameters.scale;
    auto trained = pools_->trained.take([&] { return std::make_unique<TrainedNumbers<Num, Real>>(net); });
    set_trained(*trained, parameters, unit, unfit);
    if (unfit.synapses >= 0) return nullptr;
    const bool usual = !is_counted(rules) && !rules.layered && rule.peak && !rule.differentiated &&
                       (rule.credit == LAST || rule.credit == DELIVERED) && !net.has_delays;
    GradientRules rule_now = rule;
    auto recorded = std::make_shared<Recorded<Num, Real>>(net_, pools_, std::move(trained), rules, rule_now, batch.n,
                                                          results.first_wanted, results.n_wanted,
                                                          parameters.weight_scale, unit, usual);
    const Numbers<Num>& numbers = recorded->numbers();
    if (batch.largest_payload > largest_payload_of(numbers)) {
      failure.status = Status::TOO_WIDE;
      return nullptr;
    }
    if (!usual) {
      failure = record_as<M, true>(*recorded, rules, rule, batch, results, unit, threads, asked);
    } else {
      failure = visit(numbers, batch, [&](auto m) {
        return record_as<decltype(m), false>(*recorded, rules, rule, batch, results, unit, threads, asked);
      });
    }
    return recorded;
  }

 private:
  std::shared_ptr<const Layout> net_;
  std::unique_ptr<Numbers<Num>> numbers_;
  std::shared_ptr<Pools<Num, Real>> pools_;
  // Synapses by core, of the mappings that were used last.
  std::mutex mutex_;
  std::vector<std::pair<std::vector<int64_t>, std::shared_ptr<const TimedNetwork>>> mapped_;
  static constexpr size_t MAPPINGS = 4;

  std::shared_ptr<const TimedNetwork> cores_of(const Machine& machine) {
    const std::vector<int64_t> key(machine.core_of, machine.core_of + net_->n_neurons);
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [known, cores] : mapped_) {
      if (known == key) return cores;
    }
    if (mapped_.size() == MAPPINGS) mapped_.erase(mapped_.begin());
    mapped_.push_back({key, std::make_shared<TimedNetwork>(*net_, machine)});
    return mapped_.back().second;
  }

  static bool is_counted(const Rules& rules) {
    return !rules.refractory || rules.refractory_dropout > 0 || !rules.input_first || rules.replay;
  }
  static int largest_payload_of(const Numbers<Num>& numbers) {
    if constexpr (NARROW) {
      for (size_t i = 0; i < numbers.bias.size(); i++) {
        if (std::abs(static_cast<double>(numbers.bias[i])) > (1 << 30)) return 0;
      }
      // Up to 2^24 a current of 24 bits is in its range again at once, and no sum of it, a voltage and a bias reaches
      // 2^31.
      return static_cast<int>(std::min(LOIHI_WRAP / std::max(numbers.most_reach, 1.0), 1e9));
    }
    return 1 << 30;
  }
  // Calls f with the model that is enough where no neuron fires twice in a time step.
  template <class F>
  static auto visit(const Numbers<Num>& numbers, const Batch& batch, F f) {
    if constexpr (!std::is_same_v<M, IN_RANGE>) {
      const double most = std::max(numbers.most_u, numbers.most_v) * batch.largest_payload;
      if (batch.from_rest && most < LOIHI_LIMIT) return f(IN_RANGE());
    }
    return f(M());
  }

  template <class R>
  Sample<Num, R> sample_of(const Batch& batch, const Results& results, size_t b, Record<Num>* record) const {
    const size_t T = batch.n_steps, N = net_->n_neurons;
    Sample<Num, R> s;
    s.number = batch.samples[b];
    s.t0 = batch.t0;
    s.n_steps = batch.n_steps;
    s.channel = batch.channel;
    s.count = batch.count;
    s.start = batch.start + b * (T + 1);
    s.u = static_cast<Num*>(results.u) + b * N;
    s.v = static_cast<Num*>(results.v) + b * N;
    s.history = batch.history ? batch.history + b * batch.n_history * N : nullptr;
    s.inputs = batch.inputs ? batch.inputs + b * batch.n_inputs_before * net_->n_inputs : nullptr;
    s.n_history = batch.n_history;
    s.n_inputs_before = batch.n_inputs_before;
    s.counts = results.counts ? results.counts + b * T * N : nullptr;
    s.forward_steps = results.forward_steps + b * T;
    s.first_output = results.first_output + b * T;
    if constexpr (std::is_same_v<R, Real>) {
      if (results.wanted) {
        s.wanted = static_cast<Real*>(results.wanted) + b * T * results.n_wanted;
        s.first_wanted = results.first_wanted;
        s.n_wanted = results.n_wanted;
      }
    }
    s.record = record;
    return s;
  }
  static void write_tally(const Tally& tally, int64_t* to, size_t b) {
    to[3 * b] = tally.operations;
    to[3 * b + 1] = tally.updates;
    to[3 * b + 2] = tally.dropped;
  }

  // Runs all samples, in any order; prepare(workspace, interrupt) gives what runs one. The first failure counts.
  template <class R = float, class Prepare>
  Failure each_sample(const Batch& batch, const Results& results, Recording* recording, int threads,
                      const std::function<bool()>& asked, Prepare prepare) {
    std::mutex mutex;
    Failure first;
    int failed = batch.n;
    Record<Num> record;
    if (recording) {
      record.groups = recording->groups;
      record.trace = recording->trace;
    }
    // A few samples at a time, so that threads end together.
    const int chunk = std::max(1, batch.n / (8 * std::max(1, threads)));
    const int n_chunks = (batch.n + chunk - 1) / chunk;
    const bool done = in_threads(threads, n_chunks, asked, [&](int c, Interrupt& interrupt) {
      auto ws = pools_->workspaces.take([&] { return std::make_unique<Workspace<Num>>(*net_); });
      auto run = prepare(*ws, interrupt);
      for (int b = c * chunk; b < std::min(batch.n, (c + 1) * chunk); b++) {
        auto s = sample_of<R>(batch, results, b, recording ? &record : nullptr);
        const Failure f = run(s, b);
        if (f.status != Status::DONE) {
          const std::lock_guard<std::mutex> lock(mutex);
          if (b < failed) {
            failed = b;
            first = f;
          }
          break;
        }
        write_tally(s.tally, results.tally, b);
      }
      pools_->workspaces.give_back(std::move(ws));
    });
    if (recording) take_record(record, *recording);
    if (!done) first.status = Status::INTERRUPTED;
    return first;
  }
  template <class Model, bool COUNTED>
  Failure run_as(const Rules& rules, const Batch& batch, const Results& results, Recording* recording, int threads,
                 const std::function<bool()>& asked) {
    const int largest = NARROW ? largest_payload() : INT32_MAX;
    return each_sample<Real>(batch, results, recording, threads, asked, [&](Workspace<Num>& ws, Interrupt& interrupt) {
      return [run = Forward<Model, Real, false, COUNTED>(*net_, *numbers_, rules, ws, nullptr, interrupt, largest)](
                 Sample<Num, Real>& s, int) mutable { return run.run(s); };
    });
  }
  static void take_record(Record<Num>& from, Recording& to) {
    to.group_t = std::move(from.group_t);
    to.group_k = std::move(from.group_k);
    to.group_size = std::move(from.group_size);
    to.ids = std::move(from.ids);
    to.check_t = std::move(from.check_t);
    to.check_k = std::move(from.check_k);
    to.fired = std::move(from.fired);
    to.n_fired = std::move(from.n_fired);
    if constexpr (std::is_integral_v<Num>) {
      to.integers_u.assign(from.u.begin(), from.u.end());
      to.integers_v.assign(from.v.begin(), from.v.end());
    } else {
      to.floats_u.assign(from.u.begin(), from.u.end());
      to.floats_v.assign(from.v.begin(), from.v.end());
    }
  }

  template <class Model, bool COUNTED>
  Failure record_as(Recorded<Num, Real>& recorded, const Rules& rules, const GradientRules& rule, const Batch& batch,
                    const Results& results, double unit, int threads, const std::function<bool()>& asked) {
    const Shares& shares = recorded.shares();
    const Numbers<Num>& numbers = recorded.numbers();
    std::vector<Failure> failures(shares.n);
    const bool done = in_threads(threads, shares.n, asked, [&](int share, Interrupt& interrupt) {
      auto ws = pools_->workspaces.take([&] { return std::make_unique<Workspace<Num>>(*net_); });
      Tape<Real>& tape = recorded.tape(share);
      const int begin = shares.begin(share), end = shares.begin(share + 1);
      tape.unit = unit;
      tape.states = rule.decays;
      tape.keeps_spikes = rules.layered || net_->has_delays;
      tape.clear(static_cast<size_t>(end - begin) * batch.n_steps, net_->n_blocks);
      Forward<Model, Real, true, COUNTED> run(*net_, numbers, rules, *ws, &tape, interrupt,
                                              NARROW ? largest_payload_of(numbers) : INT32_MAX);
      for (int b = begin; b < end; b++) {
        auto s = sample_of<Real>(batch, results, b, nullptr);
        failures[share] = run.run(s);
        if (failures[share].status != Status::DONE) break;
        write_tally(s.tally, results.tally, b);
      }
      pools_->workspaces.give_back(std::move(ws));
    });
    if (!done) return {Status::INTERRUPTED, 0, 0, 0, 0};
    for (const Failure& f : failures) {
      if (f.status != Status::DONE) return f;
    }
    return {};
  }

  void set_trained(TrainedNumbers<Num, Real>& to, const Parameters& from, double unit, Unfit& unfit) const {
    const Layout& net = *net_;
    Numbers<Num>& numbers = to.numbers;
    Trainable<Real>& floats = to.floats;
    const auto real = [](const void* x) { return static_cast<const Real*>(x); };
    numbers.set_neurons(net, real(from.keep_u), real(from.keep_v), real(from.vth), real(from.bias), from.scale);
    std::fill(floats.fires_alone.begin(), floats.fires_alone.end(), 0);
    for (int i = 0; i < net.n_neurons; i++) {
      const int at = net.place_of[i];
      floats.keep_u[at] = real(from.keep_u)[i];
      floats.keep_v[at] = real(from.keep_v)[i];
      floats.vth[at] = real(from.vth)[i];
      floats.bias[at] = real(from.bias)[i];
      floats.a[at] = real(from.a)[i];
      floats.b[at] = real(from.b)[i];
      numbers.unit[at] = numbers_->unit[at];
      if (floats.keep_u[at] != 0 || floats.bias[at] != 0) floats.fires_alone[net.layer_of[i]] = 1;
    }
    constexpr bool WHOLE = std::is_integral_v<Num>;
    const Real scale = static_cast<Real>(from.weight_scale), unit_real = static_cast<Real>(unit);
    for (const Part& p : net.parts) {
      const Real* values = real(from.weights[p.synapses]);
      each_weight(net, p, [&](size_t at, int target, size_t weight) {
        const Real factor = static_cast<Real>(numbers.unit[target]);
        const Real brings = WHOLE ? std::nearbyint(values[weight] * scale) * factor : values[weight];
        if (!(std::abs(brings) < Real(2147483648.0)) && (WHOLE || !std::isfinite(brings)) && unfit.synapses < 0) {
          unfit = {p.synapses, weight};
        }
        numbers.weights[at] = static_cast<Num>(brings);
        floats.weights[at] = WHOLE ? brings * unit_real : brings;
      });
      if (p.source == INPUT || p.kind == Kind::SPARSE) continue;
      const Layer& to_layer = net.layers[p.target];
      const int per_target = p.kind == Kind::CONV ? static_cast<int>(p.geometry.n_weights() / p.geometry.outputs)
                                                  : p.n_source;
      const int plane = p.kind == Kind::CONV ? p.geometry.out_height * p.geometry.out_width : 1;
      each_turned(net, p, [&](size_t at, size_t weight) {
        const int target = net.place_of[to_layer.first + static_cast<int>(weight) / per_target * plane];
        const Real factor = static_cast<Real>(numbers.unit[target]);
        floats.turned[at] = WHOLE ? std::nearbyint(values[weight] * scale) * factor * unit_real : values[weight];
      });
    }
    numbers.bounds(net);
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
