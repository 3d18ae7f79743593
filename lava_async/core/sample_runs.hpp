// All samples of a call, over threads: forward, or share by share onto tapes.
#pragma once
#include <algorithm>
#include <mutex>

#include "engine.hpp"
#include "recorded.hpp"
#include "threads.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class Num, class P, class Real>
class SampleRuns {
  static constexpr bool ANY = !std::is_same_v<P, int32_t>;  // networks of any models

 public:
  SampleRuns(const Layout& net, Pools<Num, P, Real>& pools, const Batch& batch, const Results& results, int threads,
             const std::function<bool()>& asked)
      : net_(net), pools_(pools), batch_(batch), results_(results), threads_(threads), asked_(asked) {}

  // Runs all samples, in any order; prepare(workspace, interrupt) gives what runs one. The first failure counts.
  template <class R, class Prepare>
  Failure each(Recording* recording, Prepare prepare) const {
    std::mutex mutex;
    Failure first;
    int failed = batch_.n;
    Record<Num> record;
    if (recording) {
      record.groups = recording->groups;
      record.trace = recording->trace;
    }
    // A few samples at a time, so that threads end together.
    const int chunk = std::max(1, batch_.n / (8 * std::max(1, threads_)));
    const int n_chunks = (batch_.n + chunk - 1) / chunk;
    const bool done = in_threads(threads_, n_chunks, asked_, [&](int c, Interrupt& interrupt) {
      auto ws = pools_.workspaces.take([&] { return std::make_unique<Workspace<Num, P>>(net_); });
      auto run = prepare(*ws, interrupt);
      for (int b = c * chunk; b < std::min(batch_.n, (c + 1) * chunk); b++) {
        auto s = sample<R>(b, recording ? &record : nullptr);
        const Failure f = run(s, b);
        if (f.status != Status::DONE) {
          const std::lock_guard<std::mutex> lock(mutex);
          if (b < failed) {
            failed = b;
            first = f;
          }
          break;
        }
        write_tally(s.tally, b);
      }
      pools_.workspaces.give_back(std::move(ws));
    });
    if (recording) take_record(record, *recording);
    if (!done) first.status = Status::INTERRUPTED;
    return first;
  }

  // Runs all samples share by share, each onto its tape; prepare(workspace, tape, interrupt) gives what runs one.
  template <class Prepare>
  Failure each_share(Recorded<Num, P, Real>& recorded, const GradientRules& rule, double unit, Prepare prepare) const {
    const Shares& shares = recorded.shares();
    std::vector<Failure> failures(shares.n);
    const bool done = in_threads(threads_, shares.n, asked_, [&](int share, Interrupt& interrupt) {
      auto ws = pools_.workspaces.take([&] { return std::make_unique<Workspace<Num, P>>(net_); });
      Tape<Real, P>& tape = recorded.tape(share);
      const int begin = shares.begin(share), end = shares.begin(share + 1);
      tape.unit = unit;
      tape.states = rule.decays;
      tape.premature = results_.premature != nullptr;
      if constexpr (ANY) {
        tape.keeps = false;
        for (const auto& x : recorded.numbers().models.layers) {
          tape.keeps |= x.keeps_always || (x.keeps && rule.differentiated);
        }
      }
      auto run = prepare(*ws, tape, interrupt);
      tape.clear(net_, static_cast<size_t>(end - begin) * batch_.n_steps, ANY);
      for (int b = begin; b < end; b++) {
        auto s = sample<Real>(b, nullptr);
        failures[share] = run(s, b);
        if (failures[share].status != Status::DONE) break;
        write_tally(s.tally, b);
      }
      pools_.workspaces.give_back(std::move(ws));
    });
    if (!done) return {Status::INTERRUPTED, 0, 0, 0, 0};
    for (const Failure& f : failures) {
      if (f.status != Status::DONE) return f;
    }
    return {};
  }

 private:
  const Layout& net_;
  Pools<Num, P, Real>& pools_;
  const Batch& batch_;
  const Results& results_;
  const int threads_;
  const std::function<bool()>& asked_;

  template <class R>
  Sample<Num, R> sample(size_t b, Record<Num>* record) const {
    const size_t T = batch_.n_steps, N = net_.n_neurons;
    Sample<Num, R> s;
    s.number = batch_.samples[b];
    s.t0 = batch_.t0;
    s.n_steps = batch_.n_steps;
    s.channel = batch_.channel;
    s.count = batch_.count;
    s.start = batch_.start + b * (T + 1);
    s.u = static_cast<StateOf<Num>*>(results_.u) + b * N;
    s.v = static_cast<StateOf<Num>*>(results_.v) + b * N;
    s.from_rest = batch_.from_rest;
    s.history = batch_.history ? batch_.history + b * batch_.n_history * N : nullptr;
    s.inputs = batch_.inputs ? batch_.inputs + b * batch_.n_inputs_before * net_.n_inputs : nullptr;
    s.n_history = batch_.n_history;
    s.n_inputs_before = batch_.n_inputs_before;
    s.counts = results_.counts ? results_.counts + b * T * N : nullptr;
    s.forward_steps = results_.forward_steps + b * T;
    s.first_output = results_.first_output + b * T;
    s.totals = results_.totals ? results_.totals + b * net_.output_places.size() : nullptr;
    s.decided = results_.decided ? results_.decided + b : nullptr;
    if constexpr (std::is_same_v<R, Real>) {
      if (results_.wanted) {
        s.wanted = static_cast<Real*>(results_.wanted) + b * T * results_.n_wanted;
        if (results_.premature) s.premature = results_.premature + b * T * results_.n_wanted;
        s.first_wanted = results_.first_wanted;
        s.n_wanted = results_.n_wanted;
      }
    }
    s.record = record;
    if constexpr (ANY) {
      s.payload = static_cast<const Num*>(batch_.payload);
      s.sent_before = static_cast<const Num*>(batch_.sent_before) + b * batch_.n_history * N;
      s.inputs_before = static_cast<const Num*>(batch_.inputs_payload) + b * batch_.n_inputs_before * net_.n_inputs;
      s.factor = batch_.factor ? static_cast<const Num*>(batch_.factor) + b * N : nullptr;
      s.fields = static_cast<Num*>(results_.fields) + b * MOST_FIELDS * N;
      s.held = results_.held + b * N;
      s.sent = static_cast<Num*>(results_.sent) + b * T * N;
    }
    return s;
  }

  void write_tally(const Tally& tally, size_t b) const {
    int64_t* to = results_.tally + 3 * b;
    to[0] = tally.operations;
    to[1] = tally.updates;
    to[2] = tally.dropped;
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
};

}  // namespace LAVA_ISA
}  // namespace lava_async
