// A run that can be differentiated: its tapes, and the backward pass over all shares of the batch.
#pragma once
#include <memory>
#include <mutex>

#include "any_backward.hpp"
#include "cuba_backward.hpp"
#include "engine.hpp"
#include "share.hpp"
#include "threads.hpp"
#include "timed_backward.hpp"
#include "trained.hpp"
#include "workspace.hpp"

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

template <class Num, class P, class Real>
struct Pools {
  Pool<Workspace<Num, P>> workspaces;
  Pool<Tape<Real, P>> tapes;
  Pool<TrainedNumbers<Num, Real>> trained;
  Pool<Gradients<Real>> gradients;
};

template <class Num, class P, class Real>
class Recorded : public DifferentiableRun {
  static constexpr bool ANY = !std::is_same_v<P, int32_t>;  // networks of any models

 public:
  Recorded(std::shared_ptr<const Layout> net, std::shared_ptr<Pools<Num, P, Real>> pools,
           std::unique_ptr<TrainedNumbers<Num, Real>> trained, const Rules& rules, const GradientRules& rule, int n,
           int first_wanted, int n_wanted, double weight_scale, double unit, bool usual,
           std::shared_ptr<const TimedNetwork> cores)
      : net_(std::move(net)),
        pools_(std::move(pools)),
        trained_(std::move(trained)),
        rules_(rules),
        rule_(rule),
        shares_(n),
        first_wanted_(first_wanted),
        n_wanted_(n_wanted),
        weight_scale_(weight_scale),
        unit_(unit),
        usual_(usual),
        cores_(std::move(cores)) {
    for (int i = 0; i < shares_.n; i++) {
      tapes_.push_back(pools_->tapes.take([] { return std::make_unique<Tape<Real, P>>(); }));
    }
  }
  ~Recorded() override {
    for (auto& tape : tapes_) pools_->tapes.give_back(std::move(tape));
    pools_->trained.give_back(std::move(trained_));
  }

  const Shares& shares() const { return shares_; }
  Tape<Real, P>& tape(int share) { return *tapes_[share]; }
  const Numbers<Num>& numbers() const { return trained_->numbers; }
  const TimedNetwork* cores() const { return cores_.get(); }
  const Trainable<Real>& floats() const { return trained_->floats; }

  Status backward(const Batch& batch, const void* derivative, const GradientResults& to, int threads,
                  const std::function<bool()>& asked) override {
    const Layout& net = *net_;
    GradientRules rule = rule_;
    rule.input = to.input != nullptr;
    std::vector<std::unique_ptr<Gradients<Real>>> gradients(shares_.n);
    const bool done = in_threads(threads, shares_.n, asked, [&](int share, Interrupt& interrupt) {
      gradients[share] = pools_->gradients.take([] { return std::make_unique<Gradients<Real>>(); });
      gradients[share]->make(net, ANY);
      const Tape<Real, P>& tape = *tapes_[share];
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
        s.number = b;
        s.place = tape.begins[i];
        return s;
      };
      const Undone<Real, P> undone{net, rules_, rule, tape, trained_->floats, *gradients[share]};
      const auto undo = [&](auto make) {
        undo_samples(net, trained_->floats, make, n, sample, first_wanted_, n_wanted_, interrupt);
      };
      if constexpr (ANY) {
        undo([&] {
          return std::make_unique<AnyBackward<Num, Real>>(undone, trained_->numbers.models,
                                                          static_cast<const Num*>(batch.payload),
                                                          static_cast<const Num*>(batch.factor));
        });
      } else if (usual_) {
        undo([&] { return std::make_unique<UsualBackward<Real>>(undone); });
      } else if (cores_) {
        TimedBackward<Real> walker(undone, *cores_);
        for (int i = 0; i < n && !interrupt.raised(); i++) walker.run(sample(i), first_wanted_, n_wanted_, interrupt);
      } else {
        undo([&] { return std::make_unique<CubaBackward<Real>>(undone); });
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
  std::shared_ptr<Pools<Num, P, Real>> pools_;
  std::unique_ptr<TrainedNumbers<Num, Real>> trained_;
  const Rules rules_;
  const GradientRules rule_;
  const Shares shares_;
  const int first_wanted_, n_wanted_;
  const double weight_scale_, unit_;
  const bool usual_;
  const std::shared_ptr<const TimedNetwork> cores_;  // of a timed run, else nullptr
  std::vector<std::unique_ptr<Tape<Real, P>>> tapes_;

  // Adds up shares in their order, in the shapes of users.
  void add_up(const std::vector<std::unique_ptr<Gradients<Real>>>& gradients, const GradientResults& to) {
    const Layout& net = *net_;
    [[maybe_unused]] const auto neurons = [&](Array<Real> Gradients<Real>::* of, void* into) {
      for (int i = 0; into && i < net.n_neurons; i++) {
        Real total = 0;
        for (const auto& g : gradients) total += ((*g).*of)[net.place_of[i]];
        static_cast<Real*>(into)[i] = total;
      }
    };
    if constexpr (ANY) {
      for (size_t q = 0; to.number && q < MOST_NUMBERS; q++) {
        for (int i = 0; i < net.n_neurons; i++) {
          Real total = 0;
          for (const auto& g : gradients) total += g->number[q][net.place_of[i]];
          static_cast<Real*>(to.number)[q * net.n_neurons + i] = total;
        }
      }
    } else {
      neurons(&Gradients<Real>::keep_u, to.keep_u);
      neurons(&Gradients<Real>::keep_v, to.keep_v);
      neurons(&Gradients<Real>::vth, to.vth);
      neurons(&Gradients<Real>::bias, to.bias);
    }
    for (size_t i = 1; i < gradients.size(); i++) {
      Real* total = gradients[0]->weights.get();
      const Real* more = gradients[i]->weights.get();
      for (size_t at = 0; at < net.n_weights; at += BLOCK) store(total + at, load(total + at) + load(more + at));
    }
    const Real* total = gradients.empty() ? nullptr : gradients[0]->weights.get();
    const double unit = ANY ? trained_->numbers.models.payload_fraction() : unit_;
    const Real scale = static_cast<Real>(weight_scale_ * unit);
    for (const Part& p : net.parts) {
      Real* into = static_cast<Real*>(to.weights[p.synapses]);
      if (!into || !total) continue;
      each_weight(net, p, [&](size_t at, int target, size_t weight) {
        Real factor = scale * static_cast<Real>(trained_->numbers.unit[target]);
        if constexpr (ANY) factor *= trained_->floats.state_unit[target];
        into[weight] += total[at] * factor;
      });
    }
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
