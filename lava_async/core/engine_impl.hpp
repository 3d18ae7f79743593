// The engine for one arithmetic on one instruction set.
#pragma once
#include <algorithm>
#include <mutex>
#include <stdexcept>

#include "forward.hpp"
#include "integer_range.hpp"
#include "layer_model.hpp"
#include "sample_runs.hpp"
#include "timed.hpp"

#define LAVA_STRING_(x) #x
#define LAVA_STRING(x) LAVA_STRING_(x)

namespace lava_async {
namespace LAVA_ISA {

// What an engine is for: gradients in double precision are checked, and nothing else.
enum Purpose { EVERYTHING, GRADIENTS };

// M: the neuron model; IN_RANGE: the same model where states stay within their range without a look.
template <class M, class IN_RANGE, class Real, Purpose PURPOSE>
class EngineOf : public Engine {
  using Num = typename M::Num;
  using P = typename M::Payload;

 public:
  explicit EngineOf(std::shared_ptr<const Layout> net)
      : net_(std::move(net)),
        numbers_(std::make_unique<Numbers<Num>>(*net_)),
        pools_(std::make_shared<Pools<Num, P, Real>>()) {}

  std::string instruction_set() const override { return LAVA_STRING(LAVA_ISA); }

  SpikeRange range_of(const int32_t* channel, const int32_t* count, int64_t n) const override {
    SpikeRange found;
    for (int64_t e = 0; e < n; e++) {
      found.channel = std::max(found.channel, static_cast<uint32_t>(channel[e]));
      found.most = std::max(found.most, count[e]);
      found.least = std::min(found.least, count[e]);
    }
    return found;
  }

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
  bool is_differentiable(int layer) const override { return !M::ANY || numbers_->models.layers[layer].differentiable; }
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
      if (!fits(*net_, *numbers_, batch, results)) return {Status::TOO_WIDE};
      const Runs runs(*net_, *pools_, batch, results, threads, asked);
      if constexpr (M::ANY) {
        return run_as<M, true>(rules, runs, recording);
      } else {
        if (is_counted(rules)) return run_as<M, true>(rules, runs, recording);
        return visit_range<M, IN_RANGE>(*numbers_, batch,
                                        [&](auto m) { return run_as<decltype(m), false>(rules, runs, recording); });
      }
    }
  }

  Failure run_timed(const Rules& rules, const Machine& machine, const Batch& batch, const Results& results,
                    const TimedResults& timed, Recording* recording, std::vector<int64_t>* log, int threads,
                    const std::function<bool()>& asked) override {
    if constexpr (PURPOSE == GRADIENTS) {
      throw std::logic_error("an engine for gradients");
    } else {
      if (!fits(*net_, *numbers_, batch, results)) return {Status::TOO_WIDE};
      const auto cores = cores_of(machine);
      const Runs runs(*net_, *pools_, batch, results, threads, asked);
      return runs.template each<float>(recording, [&](Workspace<Num, P>& ws, Interrupt& interrupt) {
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
    const Layout& net = *net_;
    auto trained = pools_->trained.take([&] { return std::make_unique<TrainedNumbers<Num, Real>>(net); });
    if constexpr (M::ANY) {
      unfit = trained->set_any(net, parameters, *numbers_, [](int model, auto f) { visit_model<Num>(model, f); });
    } else {
      unfit = trained->set(net, parameters, numbers_->unit);
    }
    if (unfit.synapses >= 0) return nullptr;
    const bool usual = !M::ANY && !machine && !is_counted(rules) && !rules.layered && rule.peak &&
                       !rule.differentiated && (rule.credit == LAST || rule.credit == DELIVERED) && !net.has_delays &&
                       net.n_layers() <= 64;
    const double unit = 1 / parameters.scale;
    auto recorded = std::make_shared<Recorded<Num, P, Real>>(
        net_, pools_, std::move(trained), rules, rule, batch.n, results.first_wanted, results.n_wanted,
        parameters.weight_scale, unit, usual, machine ? cores_of(*machine) : nullptr);
    if (!fits(net, recorded->numbers(), batch, results)) {
      failure.status = Status::TOO_WIDE;
      return nullptr;
    }
    const Runs runs(net, *pools_, batch, results, threads, asked);
    if (machine) {
      if constexpr (M::ANY) {
        throw std::logic_error("timed training of any models");
      } else {
        failure = record_timed(*recorded, rules, rule, *machine, runs, batch.n_steps, unit);
      }
    } else if (!usual) {
      failure = record_as<M, true>(*recorded, rules, rule, runs, unit);
    } else if constexpr (!M::ANY) {
      failure = visit_range<M, IN_RANGE>(recorded->numbers(), batch, [&](auto m) {
        return record_as<decltype(m), false>(*recorded, rules, rule, runs, unit);
      });
    }
    return recorded;
  }

 private:
  using Runs = SampleRuns<Num, P, Real>;

  std::shared_ptr<const Layout> net_;
  std::unique_ptr<Numbers<Num>> numbers_;
  std::shared_ptr<Pools<Num, P, Real>> pools_;
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
  // What spikes that add up while they wait may come to.
  static int most_waiting(const Numbers<Num>& numbers) {
    return std::is_same_v<Num, int32_t> ? largest_payload_of(numbers) : INT32_MAX;
  }

  template <class Model, bool COUNTED>
  Failure run_as(const Rules& rules, const Runs& runs, Recording* recording) const {
    return runs.template each<Real>(recording, [&](Workspace<Num, P>& ws, Interrupt& interrupt) {
      return [run = Forward<Model, Real, false, COUNTED>(*net_, *numbers_, rules, ws, nullptr, interrupt,
                                                         most_waiting(*numbers_))](Sample<Num, Real>& s, int) mutable {
        return run.run(s);
      };
    });
  }
  template <class Model, bool COUNTED>
  Failure record_as(Recorded<Num, P, Real>& recorded, const Rules& rules, const GradientRules& rule, const Runs& runs,
                    double unit) const {
    const Numbers<Num>& numbers = recorded.numbers();
    return runs.each_share(recorded, rule, unit, [&](Workspace<Num, P>& ws, Tape<Real, P>& tape, Interrupt& interrupt) {
      tape.keeps_spikes = rules.layered || net_->has_delays;
      Forward<Model, Real, true, COUNTED> forward(*net_, numbers, rules, ws, &tape, interrupt, most_waiting(numbers));
      if constexpr (M::ANY) forward.set_units(recorded.floats().state_unit, recorded.floats().payload_unit);
      return [run = std::move(forward)](Sample<Num, Real>& s, int) mutable { return run.run(s); };
    });
  }
  Failure record_timed(Recorded<Num, P, Real>& recorded, const Rules& rules, const GradientRules& rule,
                       const Machine& machine, const Runs& runs, int T, double unit) const {
    return runs.each_share(recorded, rule, unit, [&](Workspace<Num, P>& ws, Tape<Real, P>& tape, Interrupt& interrupt) {
      tape.keeps_spikes = net_->has_delays;
      return [T, times = std::vector<int64_t>(2 * T + 1),  // nobody asks for them
              run = TimedForward<M, Real, true>(*net_, recorded.numbers(), rules, machine, *recorded.cores(), ws,
                                                interrupt, &tape)](Sample<Num, Real>& s, int) mutable {
        return run.run(s, {&times[0], &times[T], &times[2 * T]}, nullptr);
      };
    });
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
