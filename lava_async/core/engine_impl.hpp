// The engine for one arithmetic on one instruction set.
#pragma once
#include <algorithm>
#include <stdexcept>

#include "forward.hpp"
#include "recorded.hpp"
#include "timed.hpp"

#define LAVA_STRING_(x) #x
#define LAVA_STRING(x) LAVA_STRING_(x)

namespace lava_async {
namespace LAVA_ISA {

// Takes the model of a layer; false: there is none of this name with these numbers and this state.
template <class Num>
bool set_layer_model(const Layout& net, ModelNumbers<Num>& to, int layer, const Engine::LayerModel& from) {
  to.layers.resize(net.layers.size());
  auto& x = to.layers[layer];
  x.model = model_called<Num>(from.name);
  bool known = false;
  if (x.model >= 0) {
    visit_model<Num>(x.model, [&](auto model) {
      using M = decltype(model);
      constexpr size_t n_numbers = std::size(M::NUMBERS), n_state = std::size(M::STATE);
      static_assert(n_numbers <= MOST_NUMBERS && n_state <= MOST_FIELDS);
      known = from.numbers.size() == n_numbers && from.state.size() == n_state;
      for (size_t q = 0; known && q < n_numbers; q++) known &= from.numbers[q].first == M::NUMBERS[q];
      for (size_t f = 0; known && f < n_state; f++) known &= from.state[f] == M::STATE[f];
      x.n_fields = static_cast<int>(n_state);
      x.graded = M::GRADED;
      x.complex = M::COMPLEX;
      x.differentiable = Differentiable<M>;
      if constexpr (Differentiable<M>) {
        x.keeps = M::KEEPS;
        x.keeps_always = M::KEEPS_ALWAYS;
      }
    });
  }
  if (!known) return false;
  for (Array<Num>& number : to.number) number.reserve(net.n_places());
  if (to.refractory_steps.size() == 0) {
    for (Array<Num>& number : to.number) number.fill(0);
    to.refractory_steps = Array<int32_t>(net.n_places());
    to.sync_threshold = Array<int32_t>(net.n_places());
  }
  const Layer& l = net.layers[layer];
  x.waits = x.sync = false;
  for (int i = 0; i < l.size; i++) {
    const int at = net.place_of[l.first + i];
    for (size_t q = 0; q < from.numbers.size(); q++) {
      to.number[q][at] = static_cast<const Num*>(from.numbers[q].second)[i];
    }
    to.refractory_steps[at] = from.refractory_steps[i];
    to.sync_threshold[at] = from.sync_threshold[i];
    x.waits |= from.refractory_steps[i] > 0;
    x.sync |= from.sync_threshold[i] > 0;
  }
  to.sync |= x.sync;
  return true;
}

// What an engine is for: gradients in double precision are checked, and nothing else.
enum Purpose { EVERYTHING, GRADIENTS, FORWARD };

// M: the neuron model; IN_RANGE: the same model where states stay within their range without a look.
template <class M, class IN_RANGE, class Real, Purpose PURPOSE>
class EngineOf : public Engine {
  using Num = typename M::Num;
  using P = typename M::Payload;
  static constexpr bool NARROW = std::is_same_v<Num, int32_t>;

 public:
  explicit EngineOf(std::shared_ptr<const Layout> net)
      : net_(std::move(net)),
        numbers_(std::make_unique<Numbers<Num>>(*net_)),
        pools_(std::make_shared<Pools<Num, P, Real>>()) {}

  std::string instruction_set() const override { return LAVA_STRING(LAVA_ISA); }

  void set_neurons(const double* keep_u, const double* keep_v, const double* vth, const double* bias,
                   const double* unit) override {
    numbers_->set_neurons(*net_, keep_u, keep_v, vth, bias, 1.0);
    set_units(unit);
  }
  void set_units(const double* unit) override {
    for (int i = 0; i < net_->n_neurons; i++) numbers_->unit[net_->place_of[i]] = static_cast<Num>(unit[i]);
  }
  bool set_model(int layer, const LayerModel& model) override {
    if constexpr (M::ANY) {
      return set_layer_model(*net_, numbers_->models, layer, model);
    } else {
      throw std::logic_error("an engine of one model");
    }
  }
  bool is_differentiable(int layer) const override {
    return !M::ANY || numbers_->models.layers[layer].differentiable;
  }
  void set_weights(int synapses, Values values) override {
    for (const Part& p : net_->parts) {
      if (p.synapses != synapses) continue;
      switch (values.type) {
        case Values::FLOAT32:
          numbers_->set_weights(*net_, p, static_cast<const float*>(values.data));
          break;
        case Values::FLOAT64:
          numbers_->set_weights(*net_, p, static_cast<const double*>(values.data));
          break;
        case Values::INT32:
          numbers_->set_weights(*net_, p, static_cast<const int32_t*>(values.data));
          break;
        case Values::INT64:
          numbers_->set_weights(*net_, p, static_cast<const int64_t*>(values.data));
          break;
      }
    }
  }
  void prepare() override {
    if constexpr (std::is_integral_v<Num> && !M::ANY) numbers_->bounds(*net_);
  }
  int largest_payload() const override { return largest_payload_of(*numbers_); }

  Failure run(const Rules& rules, const Batch& batch, const Results& results, Recording* recording, int threads,
              const std::function<bool()>& asked) override {
    if constexpr (PURPOSE == GRADIENTS) {
      throw std::logic_error("an engine for gradients");
    } else {
      if (!fits(*numbers_, batch, results)) return {Status::TOO_WIDE};
      if (M::ANY || is_counted(rules)) return run_as<M, true>(rules, batch, results, recording, threads, asked);
      if constexpr (!M::ANY) {
        return visit(*numbers_, batch, [&](auto m) {
          return run_as<decltype(m), false>(rules, batch, results, recording, threads, asked);
        });
      }
      return {};
    }
  }

  Failure run_timed(const Rules& rules, const Machine& machine, const Batch& batch, const Results& results,
                    const TimedResults& timed, Recording* recording, std::vector<int64_t>* log, int threads,
                    const std::function<bool()>& asked) override {
    if constexpr (PURPOSE == GRADIENTS) {
      throw std::logic_error("an engine for gradients");
    } else {
      if (!fits(*numbers_, batch, results)) return {Status::TOO_WIDE};
      const auto cores = cores_of(machine);
      return each_sample(batch, results, recording, threads, asked, [&](Workspace<Num, P>& ws, Interrupt& interrupt) {
        return [&, run = TimedForward<M>(*net_, *numbers_, rules, machine, *cores, ws, interrupt)](
                   Sample<Num, float>& s, int b) mutable {
          const size_t at = static_cast<size_t>(b) * batch.n_steps;
          return run.run(s, {timed.step_ps + at, timed.first_output_ps + at, timed.decided_ps + b}, log);
        };
      });
    }
  }

  std::shared_ptr<DifferentiableRun> record(const Rules& rules, const GradientRules& rule, const Parameters& parameters,
                                            const Machine* machine, const Batch& batch, const Results& results,
                                            int threads, const std::function<bool()>& asked, Failure& failure,
                                            Unfit& unfit) override {
    if constexpr (PURPOSE == FORWARD) {
      throw std::logic_error("an engine without gradients");
    } else {
      return recorded(rules, rule, parameters, machine, batch, results, threads, asked, failure, unfit);
    }
  }

 private:
  std::shared_ptr<const Layout> net_;
  std::unique_ptr<Numbers<Num>> numbers_;
  std::shared_ptr<Pools<Num, P, Real>> pools_;
  // Synapses by core, of the mappings that were used last.
  std::mutex mutex_;
  std::vector<std::pair<std::vector<int64_t>, std::shared_ptr<const TimedNetwork>>> mapped_;
  static constexpr size_t MAPPINGS = 4;

  std::shared_ptr<DifferentiableRun> recorded(const Rules& rules, const GradientRules& rule,
                                              const Parameters& parameters, const Machine* machine, const Batch& batch,
                                              const Results& results, int threads, const std::function<bool()>& asked,
                                              Failure& failure, Unfit& unfit) {
    const Layout& net = *net_;
    const double unit = 1 / parameters.scale;
    auto trained = pools_->trained.take([&] { return std::make_unique<TrainedNumbers<Num, Real>>(net); });
    if constexpr (M::ANY) {
      unfit = trained->set_any(net, parameters, *numbers_,
                               [](int model, auto f) { visit_model<Num>(model, f); });
    } else {
      unfit = trained->set(net, parameters, numbers_->unit);
    }
    if (unfit.synapses >= 0) return nullptr;
    const bool usual = !M::ANY && !machine && !is_counted(rules) && !rules.layered && rule.peak && !rule.differentiated &&
                       (rule.credit == LAST || rule.credit == DELIVERED) && !net.has_delays && net.n_layers() <= 64;
    auto recorded = std::make_shared<Recorded<Num, P, Real>>(net_, pools_, std::move(trained), rules, rule, batch.n,
                                                          results.first_wanted, results.n_wanted,
                                                          parameters.weight_scale, unit, usual,
                                                          machine ? cores_of(*machine) : nullptr);
    const Numbers<Num>& numbers = recorded->numbers();
    if (!fits(numbers, batch, results)) {
      failure.status = Status::TOO_WIDE;
      return nullptr;
    }
    if (machine) {
      if constexpr (M::ANY) {
        throw std::logic_error("timed training of any models");
      } else {
        failure = record_timed(*recorded, rules, rule, *machine, batch, results, unit, threads, asked);
      }
    } else if (!usual) {
      failure = record_as<M, true>(*recorded, rules, rule, batch, results, unit, threads, asked);
    } else if constexpr (!M::ANY) {
      failure = visit(numbers, batch, [&](auto m) {
        return record_as<decltype(m), false>(*recorded, rules, rule, batch, results, unit, threads, asked);
      });
    }
    return recorded;
  }

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
  // Whether a run can be tried: no sum of it leaves 32 bits, unless spikes add up while they wait.
  bool fits(const Numbers<Num>& numbers, const Batch& batch, const Results& results) const {
    if constexpr (NARROW) {
      if (batch.largest_payload > largest_payload_of(numbers)) return false;
      const size_t n = batch.from_rest ? 0 : static_cast<size_t>(batch.n) * net_->n_neurons;
      const auto inside = [n](const void* states) {
        const auto* x = static_cast<const StateOf<Num>*>(states);
        bool all = true;
        for (size_t i = 0; i < n; i++) all &= -LOIHI_LIMIT <= x[i] && x[i] <= LOIHI_LIMIT;
        return all;
      };
      return inside(results.u) && inside(results.v);
    }
    return true;
  }
  static int largest_payload_of(const Numbers<Num>& numbers) {
    if constexpr (NARROW) {
      if (numbers.most_bias > (1 << 30)) return 0;
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
    s.u = static_cast<StateOf<Num>*>(results.u) + b * N;
    s.v = static_cast<StateOf<Num>*>(results.v) + b * N;
    s.from_rest = batch.from_rest;
    s.history = batch.history ? batch.history + b * batch.n_history * N : nullptr;
    s.inputs = batch.inputs ? batch.inputs + b * batch.n_inputs_before * net_->n_inputs : nullptr;
    s.n_history = batch.n_history;
    s.n_inputs_before = batch.n_inputs_before;
    s.counts = results.counts ? results.counts + b * T * N : nullptr;
    s.forward_steps = results.forward_steps + b * T;
    s.first_output = results.first_output + b * T;
    s.totals = results.totals ? results.totals + b * net_->output_places.size() : nullptr;
    s.decided = results.decided ? results.decided + b : nullptr;
    if constexpr (std::is_same_v<R, Real>) {
      if (results.wanted) {
        s.wanted = static_cast<Real*>(results.wanted) + b * T * results.n_wanted;
        if (results.premature) s.premature = results.premature + b * T * results.n_wanted;
        s.first_wanted = results.first_wanted;
        s.n_wanted = results.n_wanted;
      }
    }
    s.record = record;
    if constexpr (M::ANY) {
      s.payload = static_cast<const Num*>(batch.payload);
      s.sent_before = static_cast<const Num*>(batch.sent_before) + b * batch.n_history * N;
      s.inputs_before = static_cast<const Num*>(batch.inputs_payload) + b * batch.n_inputs_before * net_->n_inputs;
      s.factor = batch.factor ? static_cast<const Num*>(batch.factor) + b * N : nullptr;
      s.fields = static_cast<Num*>(results.fields) + b * MOST_FIELDS * N;
      s.held = results.held + b * N;
      s.sent = static_cast<Num*>(results.sent) + b * T * N;
    }
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
      auto ws = pools_->workspaces.take([&] { return std::make_unique<Workspace<Num, P>>(*net_); });
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
    return each_sample<Real>(batch, results, recording, threads, asked, [&](Workspace<Num, P>& ws, Interrupt& interrupt) {
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
      to.integers_fields.assign(from.fields.begin(), from.fields.end());
      to.integers_u.assign(from.u.begin(), from.u.end());
      to.integers_v.assign(from.v.begin(), from.v.end());
    } else {
      to.floats_fields.assign(from.fields.begin(), from.fields.end());
      to.floats_u.assign(from.u.begin(), from.u.end());
      to.floats_v.assign(from.v.begin(), from.v.end());
    }
  }

  template <class Model, bool COUNTED>
  Failure record_as(Recorded<Num, P, Real>& recorded, const Rules& rules, const GradientRules& rule, const Batch& batch,
                    const Results& results, double unit, int threads, const std::function<bool()>& asked) {
    const Numbers<Num>& numbers = recorded.numbers();
    const int largest = NARROW ? largest_payload_of(numbers) : INT32_MAX;
    return each_share(recorded, rule, batch, results, unit, threads, asked,
                      [&](Workspace<Num, P>& ws, Tape<Real, P>& tape, Interrupt& interrupt) {
                        tape.keeps_spikes = rules.layered || net_->has_delays;
                        Forward<Model, Real, true, COUNTED> forward(*net_, numbers, rules, ws, &tape, interrupt, largest);
                        if constexpr (M::ANY) {
                          forward.set_units(recorded.floats().state_unit, recorded.floats().payload_unit);
                        }
                        return [run = std::move(forward)](Sample<Num, Real>& s, int) mutable { return run.run(s); };
                      });
  }
  Failure record_timed(Recorded<Num, P, Real>& recorded, const Rules& rules, const GradientRules& rule,
                       const Machine& machine, const Batch& batch, const Results& results, double unit, int threads,
                       const std::function<bool()>& asked) {
    return each_share(recorded, rule, batch, results, unit, threads, asked,
                      [&](Workspace<Num, P>& ws, Tape<Real, P>& tape, Interrupt& interrupt) {
                        tape.keeps_spikes = net_->has_delays;
                        return [&, times = std::vector<int64_t>(2 * batch.n_steps + 1),
                                run = TimedForward<M, Real, true>(*net_, recorded.numbers(), rules, machine,
                                                                  *recorded.cores(), ws, interrupt, &tape)](
                                   Sample<Num, Real>& s, int) mutable {
                          // Nobody asks for the times.
                          return run.run(s, {&times[0], &times[batch.n_steps], &times[2 * batch.n_steps]}, nullptr);
                        };
                      });
  }

  // Runs all samples share by share, each onto its tape; prepare(workspace, tape, interrupt) gives what runs one.
  template <class Prepare>
  Failure each_share(Recorded<Num, P, Real>& recorded, const GradientRules& rule, const Batch& batch,
                     const Results& results, double unit, int threads, const std::function<bool()>& asked,
                     Prepare prepare) {
    const Shares& shares = recorded.shares();
    std::vector<Failure> failures(shares.n);
    const bool done = in_threads(threads, shares.n, asked, [&](int share, Interrupt& interrupt) {
      auto ws = pools_->workspaces.take([&] { return std::make_unique<Workspace<Num, P>>(*net_); });
      Tape<Real, P>& tape = recorded.tape(share);
      const int begin = shares.begin(share), end = shares.begin(share + 1);
      tape.unit = unit;
      tape.states = rule.decays;
      tape.premature = results.premature != nullptr;
      if constexpr (M::ANY) {
        tape.keeps = false;
        for (const auto& x : recorded.numbers().models.layers) {
          tape.keeps |= x.keeps_always || (x.keeps && rule.differentiated);
        }
      }
      auto run = prepare(*ws, tape, interrupt);
      tape.clear(*net_, static_cast<size_t>(end - begin) * batch.n_steps, M::ANY);
      for (int b = begin; b < end; b++) {
        auto s = sample_of<Real>(batch, results, b, nullptr);
        failures[share] = run(s, b);
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
};

}  // namespace LAVA_ISA
}  // namespace lava_async
