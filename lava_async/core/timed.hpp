// Timed execution: cores that work side by side, semantics, section 7, as engine/timed_reference.py.
//
// Neurons of different cores share nothing, so that forward steps in the order of their start are all that happens.
#pragma once
#include "margin.hpp"
#include "messages.hpp"
#include "timed_arrivals.hpp"
#include "timed_tape.hpp"

namespace lava_async {
namespace LAVA_ISA {

// TAPED: whether the backward pass follows; Real: the numbers of the gradient.
template <class M, class Real = float, bool TAPED = false>
class TimedForward : TimedArrivals<M> {
  using Base = TimedArrivals<M>;
  using Num = typename M::Num;
  using P = typename M::Payload;
  using Base::net_, Base::rules_, Base::ws_, Base::fired_, Base::cores_, Base::operations_, Base::received_, Base::add,
      Base::check;

 public:
  TimedForward(const Layout& net, const Numbers<Num>& p, const Rules& rules, const Machine& machine,
               const TimedNetwork& cores, Workspace<Num, P>& ws, Interrupt& interrupt, Tape<Real, P>* tape = nullptr)
      : Base(net, p, rules, ws, machine, cores),
        machine_(machine),
        tape_(net, p, rules, ws, tape),
        interrupt_(interrupt),
        decision_(net, rules),
        updates_(machine.n_cores),
        messages_(machine.n_cores, net.n_inputs + net.n_neurons, machine.replaying) {
    ws.history.make(net, net.longest_delay);
  }

  Failure run(Sample<Num, Real>& s, const TimedSample& times, std::vector<int64_t>* log) {
    sample_ = &s;
    log_ = log;
    s.tally = Tally{};
    this->take_state(s);
    if constexpr (TAPED) tape_.open_sample();
    replayed_ = 0;
    decision_.open(s.totals, s.decided);
    *times.decided_ps = -1;
    for (int row = 0; row < s.n_steps; row++) {
      t_ = s.t0 + row;
      if (decision_.is_made()) {
        leave_out(row);
        times.step_ps[row] = 0;
        times.first_output_ps[row] = -1;
        continue;
      }
      const Status status = time_step(row, times.step_ps[row], times.first_output_ps[row], *times.decided_ps);
      if (status != Status::DONE) {
        return {status, s.number, t_, k_, ws_.stuck};
      }
    }
    this->give_state(s);
    return {};
  }

 private:
  const Machine& machine_;
  TimedTape<M, Real> tape_;
  Interrupt& interrupt_;
  Decision decision_;
  std::vector<int64_t> updates_;  // by core, as the time step opened
  Messages<P> messages_;
  Sample<Num, Real>* sample_ = nullptr;
  std::vector<int64_t>* log_ = nullptr;
  int64_t t_ = 0, replayed_ = 0;
  int k_ = 0;
  uint64_t drop_ = 0;
  bool output_fired_ = false;
  int64_t earliest_ = 0, latest_ = 0;  // when the first and the last output neuron of this forward step had emitted

  Status time_step(int row, int64_t& step_ps, int64_t& first_output_ps, int64_t& decided_ps) {
    Sample<Num, Real>& s = *sample_;
    const Machine::Times& times = machine_.times;
    const uint64_t dropout = fold(fold(fold(mix(rules_.seed + G), REFRACTORY_DROPOUT), s.number), t_);
    ws_.counts.fill(0);
    s.first_output[row] = 0;
    first_output_ps = -1;
    for (int c = 0; c < machine_.n_cores; c++) operations_[c] = received_[c] = updates_[c] = 0;
    messages_.clear();
    if constexpr (TAPED) tape_.write_states();
    const int64_t walked = open(row);
    s.tally.operations += walked;
    for (k_ = 0;; k_++) {
      if (k_ > 0) {
        Message<P> m;
        const Status status = next(m);
        if (status == Status::LIMIT_REACHED) {  // the record of this time step is over
          k_--;
          break;
        }
        if (status != Status::DONE) return status;
        process(m);
      }
      if (this->stuck()) return Status::STUCK;
      drop_ = fold(dropout, k_);
      emit_all();
      this->record_check(s.record, t_, k_);
      if (output_fired_ && s.first_output[row] == 0) {
        s.first_output[row] = k_ + 1;
        first_output_ps = earliest_;
      }
      const bool stops =
          rules_.extra_steps >= 0 && s.first_output[row] > 0 && k_ == s.first_output[row] - 1 + rules_.extra_steps;
      if (output_fired_ && !rules_.at_step && decision_.leads([&](int at) { return ws_.counts[at]; })) {
        decided_ps = latest_;
        break;
      }
      if (messages_.waiting() == 0 || stops) break;
      if (k_ + 1 >= rules_.limit) {
        if (rules_.truncate) break;
        return Status::LIMIT_REACHED;
      }
      if (interrupt_.raised()) return Status::INTERRUPTED;
    }
    s.forward_steps[row] = k_ + 1;
    step_ps = 0;
    for (int c = 0; c < machine_.n_cores; c++) {
      step_ps = std::max(step_ps, messages_.free(c) + times.barrier);
    }
    s.tally.dropped += messages_.spikes();
    if (ws_.history.depth() > 0) this->collect();
    if constexpr (TAPED) {
      tape_.close_row(&ws_.history.current());
      tape_.write_premature(s, row);
    }
    decision_.close(t_, [&](int at) { return ws_.counts[at]; });
    this->write(s, row);
    return Status::DONE;
  }

  // A time step after the decision: nothing happens.
  void leave_out(int row) {
    Sample<Num, Real>& s = *sample_;
    s.forward_steps[row] = s.first_output[row] = 0;
    this->write_nothing(s, row);
  }

  // Forward step 0: everyone leaks, input and delayed spikes arrive, everyone is checked. Returns synapses walked.
  int64_t open(int row) {
    Sample<Num, Real>& s = *sample_;
    const Machine::Times& times = machine_.times;
    this->open_all();
    auto& now = ws_.history.advance(net_);
    for (int64_t e = s.start[row]; e < s.start[row + 1]; e++) now.add(s.channel[e], this->payload_of(s, e));
    now.close(INPUT, true);
    const SpikesOf<P> input = now.of(net_, INPUT);
    if (!rules_.input_first) {
      for (int e = 0; e < input.n; e++) {
        send(input.id[e], {input.payload_of(e), Base::spikes_of_input(input.payload_of(e)), 0}, 0, true);
      }
    }
    const int64_t walked = this->arrive_late();
    Arrivals<Num>& a = ws_.arrivals;
    for (int e = 0; e < a.n; e++) {
      const int b = a.blocks[e], core = cores_.core_of_block[b];
      if (core >= 0) {
        updates_[core] += __builtin_popcount(a.touched[b]);
        continue;
      }
      for (Bits left = a.touched[b]; left; left &= left - 1) {
        updates_[cores_.core_of[BLOCK * b + __builtin_ctz(left)]]++;
      }
    }
    if constexpr (TAPED) {
      tape_.open_step(0);
      for (int e = 0; e < a.n; e++) tape_.touch(a.blocks[e]);
    }
    fired_.clear();
    for (int b = 0; b < net_.n_blocks; b++) {
      check(b, ALL_BITS, [&](auto u, auto v, Bits fires, Bits held) {
        if constexpr (TAPED) tape_.template check<true>(b, u, v, fires, held, a.touched[b]);
      });
      a.touched[b] = 0;
    }
    a.n = 0;
    if constexpr (TAPED) tape_.close_opening();
    for (int c = 0; c < machine_.n_cores; c++) {
      s.tally.updates += updates_[c];
      messages_.set_free(c, times.inactive_update * cores_.size[c] + times.arrival * received_[c] +
                                times.synaptic_operation * operations_[c] + times.active_update * updates_[c]);
    }
    return walked;
  }
  // Sends what a source emits at a time to the cores that it reaches; returns when it was sent.
  int64_t send(int source, Emitted<P> sent, int64_t time, bool at_once) {
    int core = -1;
    const int from = source < net_.n_inputs ? -1 : cores_.core_of[net_.place_of[source - net_.n_inputs]];
    for (size_t r = cores_.begin[source]; r < cores_.begin[source + 1]; r++) {
      const TimedNetwork::Reach& reach = cores_.reaches[r];
      if (reach.delay > 0 || reach.core == core) continue;
      core = reach.core;
      int64_t arrival = time;
      if (!at_once) {
        time += machine_.times.message;
        arrival = time + machine_.way[static_cast<size_t>(from) * machine_.n_cores + core];
      }
      messages_.send(arrival, source, core, sent.payload, sent.spikes, r, sent.firing);
    }
    return time;
  }

  // Takes the message that is processed next: the lowest (start, core, arrival, source, number). LIMIT_REACHED: a
  // record ends here.
  Status next(Message<P>& m) {
    if (machine_.replaying) {
      while (replayed_ < machine_.n_replay && machine_.replay[3 * replayed_] < t_) replayed_++;
      if (replayed_ == machine_.n_replay || machine_.replay[3 * replayed_] != t_) return Status::LIMIT_REACHED;
      const int64_t* recorded = machine_.replay + 3 * replayed_++;
      return messages_.take_recorded(recorded[1], recorded[2], m) ? Status::DONE : Status::NOT_PENDING;
    }
    m = messages_.take();
    return Status::DONE;
  }

  void process(const Message<P>& m) {
    const Machine::Times& times = machine_.times;
    Sample<Num, Real>& s = *sample_;
    const int64_t start = std::max(m.arrival, messages_.free(m.core));
    if (s.record && s.record->groups) {
      s.record->group_t.push_back(t_);
      s.record->group_k.push_back(k_ - 1);
      s.record->group_size.push_back(1);
      s.record->ids.push_back(m.source - net_.n_inputs);
      if (log_) log_->insert(log_->end(), {m.core, m.arrival, start});
    }
    const TimedNetwork::Reach& reach = cores_.reaches[m.reach];
    for (size_t e = reach.first; e < reach.last; e++) add(cores_.pieces[e], m.payload);
    Arrivals<Num>& a = ws_.arrivals;
    int64_t touched = 0;
    fired_.clear();
    if constexpr (TAPED) tape_.open_step(k_);
    for (int e = 0; e < a.n; e++) {
      const int b = a.blocks[e];
      touched += __builtin_popcount(a.touched[b]);
      check(b, a.touched[b], [&](auto u, auto v, Bits fires, Bits held) {
        if constexpr (TAPED) tape_.template check<false>(b, u, v, fires, held, a.touched[b]);
      });
      a.touched[b] = 0;
    }
    a.n = 0;
    if constexpr (TAPED) tape_.close_message(m);
    s.tally.operations += reach.synapses;
    s.tally.updates += touched;
    messages_.set_free(
        m.core, start + times.arrival + times.synaptic_operation * reach.synapses + times.active_update * touched);
  }

  // Lets all that fired emit, by ascending number.
  void emit_all() {
    std::sort(fired_.begin(), fired_.end());
    output_fired_ = false;
    earliest_ = INT64_MAX;
    latest_ = -1;
    for (int neuron : fired_) {
      const int at = net_.place_of[neuron];
      const Emitted<P> sent = this->count(neuron, drop_);
      const int core = cores_.core_of[at];
      const int64_t emitted = messages_.free(core) + machine_.times.emission;
      messages_.set_free(core, send(neuron + net_.n_inputs, sent, emitted, false));
      if (net_.output[at / BLOCK] >> at % BLOCK & 1) {
        output_fired_ = true;
        earliest_ = std::min(earliest_, emitted);
        latest_ = std::max(latest_, emitted);
      }
    }
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
