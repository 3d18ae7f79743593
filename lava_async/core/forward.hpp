// One sample forward, event by event: semantics, sections 3 to 5. Function by function as engine/reference.py.
#pragma once
#include "margin.hpp"
#include "replay.hpp"
#include "run.hpp"
#include "step_recorder.hpp"

namespace lava_async {
namespace LAVA_ISA {

// M: the neuron model. TAPED: whether the backward pass follows. COUNTED: whether payloads may exceed 1, because
// neurons fire repeatedly in a time step or input waits in the queue; also what is differentiated in unusual ways runs
// so.
template <class M, class Real, bool TAPED, bool COUNTED>
class Forward : StepRecorder<M, Real, TAPED, COUNTED> {
  using Base = StepRecorder<M, Real, TAPED, COUNTED>;
  using Num = typename M::Num;
  using P = typename M::Payload;
  using Base::net, Base::p, Base::rules, Base::ws, Base::tape, Base::k, Base::output_fired, Base::drop_hash;

 public:
  Forward(const Layout& net, const Numbers<Num>& p, const Rules& rules, Workspace<Num, P>& ws,
          Tape<Real, typename M::Payload>* tape, Interrupt& interrupt, int largest_payload)
      : Base(net, p, rules, ws, tape),
        interrupt_(interrupt),
        largest_payload_(largest_payload),
        decision_(net, rules),
        replay_(rules) {
    const int depth = std::max(net.longest_delay, rules.layered && net.feedback ? 1 : 0);
    ws.history.make(net, depth);
    keeps_history_ = rules.layered || depth > 0;
    ws.queue.begin(rules.order);
    this->keeps_momentum = rules.order.uses_momentum();
  }

  // Of networks of any models whose run is taped: what units of states and payloads are in units of the gradient.
  void set_units(const Array<Real>& state, const Array<Real>& payload) {
    this->units = &state;
    this->payload_units = &payload;
  }
  Failure run(Sample<Num, Real>& s) {
    sample_ = &s;
    open_sample();
    for (int row = 0; row < s.n_steps; row++) {
      t_ = s.t0 + row;
      if (decision_.is_made()) {
        leave_out(row);
        continue;
      }
      this->keep_current =
          row + 1 == s.n_steps || (s.record && s.record->trace) || (TAPED && (tape->states || tape->premature));
      open_time_step(row);
      const Status status = rules.layered ? layered(row) : asynchronous(row);
      if (status != Status::DONE) {
        forget();
        return {status, s.number, t_, k, missing_};
      }
      close_time_step(row);
    }
    close_sample();
    return {};
  }

 private:
  Interrupt& interrupt_;
  const int largest_payload_;
  Decision decision_;
  ReplayCursor replay_;
  Sample<Num, Real>* sample_ = nullptr;
  bool keeps_history_ = false;
  int64_t t_ = 0;
  int missing_ = 0;
  SpikeRowOf<P>* emitted_ = nullptr;

  // Semantics 3: deliver, check, select until nothing is pending.
  __attribute__((noinline)) Status asynchronous(int row) {
    Sample<Num, Real>& s = *sample_;
    const uint64_t base = mix(rules.seed + G);
    const uint64_t schedule = hash(base, RANDOM_SCHEDULE), noise = hash(base, MOMENTUM_NOISE);
    const uint64_t dropout = hash(base, REFRACTORY_DROPOUT);
    if (!rules.input_first) queue_input();
    int last = -1;
    for (k = 0;; k++) {
      output_fired = false;
      if constexpr (COUNTED) drop_hash = fold(dropout, k);
      if (k == 0) {
        this->template deliver_and_check<true>(s.tally);
      } else {
        this->template deliver_and_check<false>(s.tally);
      }
      this->record_check(s.record, t_);
      if (stuck()) return Status::STUCK;
      if (output_fired && s.first_output[row] == 0) {
        s.first_output[row] = k + 1;
        if (rules.extra_steps >= 0) last = k + rules.extra_steps;
      }
      if (ws.queue.n == 0 || k == last || (rules.replay && replay_.is_over(t_, k))) break;
      if (output_fired && !rules.at_step && decision_.leads([&](int at) { return this->count_at(at); })) break;
      if (k + 1 >= rules.limit) {
        if (rules.truncate) break;
        return Status::LIMIT_REACHED;
      }
      if (interrupt_.raised()) return Status::INTERRUPTED;
      const int m = rules.replay ? replay() : ws.queue.select(rules.group_size, {fold(schedule, k), fold(noise, k)});
      if (m < 0) return Status::NOT_PENDING;
      if (m > 0) this->record_group(s.record, t_, m);
      if (this->take_group(m) > largest_payload_) return Status::TOO_WIDE;
    }
    s.forward_steps[row] = k + 1;
    drop_pending();
    return Status::DONE;
  }

  // Semantics 4, `layered`: all spikes of the time step into a layer, then one check of its neurons.
  __attribute__((noinline)) Status layered(int row) {
    Sample<Num, Real>& s = *sample_;
    if (s.record && s.record->trace) this->open_all();
    for (k = 0; k < net.n_layers(); k++) {
      output_fired = false;
      this->deliver_and_check_layer(k, s.tally);
      this->collect(k, *emitted_);
      this->record_check(s.record, t_);
      if (stuck()) return Status::STUCK;
      if (output_fired && s.first_output[row] == 0) s.first_output[row] = k + 1;
      if (interrupt_.raised()) return Status::INTERRUPTED;
    }
    k = net.n_layers() - 1;
    s.forward_steps[row] = net.n_layers();
    s.tally.updates += net.n_neurons;
    return Status::DONE;
  }

  uint64_t hash(uint64_t base, Stream stream) const { return fold(fold(fold(base, stream), sample_->number), t_); }

  void queue_input() {
    for (int e = 0; e < this->input.n; e++) {
      const int c = this->input.id[e];
      if (!net.queued_input[c]) continue;
      if constexpr (M::ANY) {
        ws.payload[c] = this->input.payload_of(e);
        ws.waiting[c] = spikes_of(this->neurons.without_fraction(ws.payload[c]));
      } else {
        ws.waiting[c] = this->input.payload_of(e);
      }
      ws.emission[c] = -1;
      ws.queue.push(c - net.n_inputs, {INPUT, -1, std::numeric_limits<double>::infinity()});
    }
  }

  void open_sample() {
    Sample<Num, Real>& s = *sample_;
    if constexpr (TAPED) tape->begins.push_back(tape->at);
    s.tally = Tally{};
    replay_.open_sample();
    decision_.open(s.totals, s.decided);
    if constexpr (M::ANY) {
      this->neurons.take_state(s.fields, s.held);
      this->neurons.take_factors(s.factor);
      ws.history.begin(net, s.history, s.sent_before, s.n_history, s.inputs_before, s.n_inputs_before);
    } else {
      this->above = ws.take_state(net, p, s);
      ws.history.begin(net, s.history, s.history, s.n_history, s.inputs, s.n_inputs_before);
    }
  }
  void close_sample() {
    Sample<Num, Real>& s = *sample_;
    if constexpr (M::ANY) {
      this->neurons.give_state(s.fields, s.held);
    } else {
      ws.give_state(net, s);
    }
  }

  void open_time_step(int row) {
    Sample<Num, Real>& s = *sample_;
    s.first_output[row] = 0;
    const int64_t begin = s.start[row];
    const int n = static_cast<int>(s.start[row + 1] - begin);
    if constexpr (M::ANY) {
      this->input = {s.channel + begin, s.payload + begin, n, 0};
      this->neurons.open_time_step();
      this->opened = false;
    } else {
      this->input = {s.channel + begin, s.count ? s.count + begin : nullptr, n, 0};
    }
    if (keeps_history_) {
      emitted_ = &ws.history.advance(net);
      for (int e = 0; e < this->input.n; e++) emitted_->add(this->input.id[e], this->input.payload_of(e));
      emitted_->close(INPUT, true);
    }
    if constexpr (COUNTED) ws.counts.fill(0);
    if constexpr (TAPED) {
      if constexpr (M::ANY) {
        write_fields();
      } else {
        this->write_states();
      }
    }
  }
  // What the tape keeps of the states of any models before a time step opens.
  void write_fields() {
    if (!tape->states) return;
    Real* to = &tape->open_fields[tape->at.row * MOST_FIELDS * net.n_places()];
    for (int f = 0; f < MOST_FIELDS; f++, to += net.n_places()) {
      for (size_t i = 0; i < net.n_places(); i++) to[i] = static_cast<Real>(ws.field[f][i]) * (*this->units)[i];
    }
  }
  void close_time_step(int row) {
    Sample<Num, Real>& s = *sample_;
    this->above = false;
    if (keeps_history_ && !rules.layered) {
      for (int l = 0; l < net.n_layers(); l++) this->collect(l, *emitted_);
    }
    if constexpr (TAPED) {
      this->close_row(emitted_);
      this->write_premature(s, row);
    }
    decision_.close(t_, [&](int at) { return this->count_at(at); });
    if (s.counts) this->write_counts(s.counts + static_cast<size_t>(row) * net.n_neurons);
    if constexpr (M::ANY) {
      Num* sent = s.sent + static_cast<size_t>(row) * net.n_neurons;
      for (int i = 0; i < net.n_neurons; i++) sent[i] = ws.sent[net.place_of[i]];
    }
    for (int i = 0; i < s.n_wanted; i++) {
      const int at = net.place_of[s.first_wanted + i];
      Real& to = s.wanted[static_cast<size_t>(row) * s.n_wanted + i];
      if constexpr (M::ANY && TAPED) {
        to = static_cast<Real>(ws.sent[at] * p.models.payload_fraction()) * (*this->payload_units)[at];
      } else {
        to = static_cast<Real>(this->count_at(at));
      }
    }
  }

  // A time step after the decision: nothing happens.
  void leave_out(int row) {
    Sample<Num, Real>& s = *sample_;
    s.forward_steps[row] = s.first_output[row] = 0;
    if (s.counts) std::fill_n(s.counts + static_cast<size_t>(row) * net.n_neurons, net.n_neurons, 0);
    if constexpr (M::ANY) std::fill_n(s.sent + static_cast<size_t>(row) * net.n_neurons, net.n_neurons, Num(0));
  }

  void drop_pending() {
    Sample<Num, Real>& s = *sample_;
    if constexpr (COUNTED) {
      if constexpr (TAPED) this->write_dropped();
      ws.queue.each([&](int source) {
        const int waiting = ws.waiting[source + net.n_inputs];
        s.tally.dropped += waiting > 0 ? waiting : 1;  // a negative payload of the input is one spike
        ws.waiting[source + net.n_inputs] = 0;
        if constexpr (M::ANY) ws.payload[source + net.n_inputs] = 0;
      });
    } else {
      s.tally.dropped += ws.queue.n;
    }
    ws.queue.clear();
  }
  // After a failure.
  void forget() {
    ws.queue.clear();
    ws.waiting.fill(0);
    if constexpr (M::ANY) ws.payload.fill(0);
  }
  // Whether a threshold is too small to be taken from a voltage.
  bool stuck() {
    if constexpr (M::ANY) {
      missing_ = ws.stuck;
      return ws.stuck >= 0;
    }
    return false;
  }

  // Moves the recorded group of this forward step to the queue's group; returns its size, -1 if one is not pending.
  int replay() {
    const ReplayGroup* g = replay_.group(k);
    if (!g) return 0;
    const int32_t* sources = rules.sources.data() + g->begin;
    const int m = g->end - g->begin;
    for (int e = 0; e < m; e++) {
      missing_ = sources[e];
      if (missing_ < -net.n_inputs || missing_ >= net.n_neurons || ws.waiting[missing_ + net.n_inputs] == 0) return -1;
    }
    ws.queue.take(sources, m);
    return m;
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
