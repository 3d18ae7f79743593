// The backward pass of timed runs: semantics, sections 6 and 7.
//
// A forward step is one message from a source to a core, which reaches the neurons of that core alone. Messages are
// never merged, so each belongs to one firing of its source, and a check that does not fire belongs to none: its zero
// spike is delivered once to each layer of each core, with the last message of the time step that touches that layer
// there (credit `last`).
#pragma once
#include "sample_backward.hpp"
#include "timed_network.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class Real>
class TimedBackward : SampleBackward<Real> {
  using Base = SampleBackward<Real>;
  using Base::net, Base::rules, Base::rule, Base::tape, Base::w, Base::g, Base::s, Base::fired, Base::place;
  using Base::sample_, Base::t_, Base::held_, Base::zero_, Base::begins, Base::input_at;

 public:
  TimedBackward(const Undone<Real>& of, const TimedNetwork& cores)
      : Base(of),
        cores_(cores),
        repeated_(!rules.refractory || rules.refractory_dropout > 0),
        firings_(net.n_places()),
        asked_(cores.size.size() * (1 + tape.n_more)) {
    by_firing_.reserve(net.n_places());
  }

  // Undoes a whole sample, unless interrupted.
  void run(const BackwardSample<Real>& sample, int first_wanted, int n_wanted, Interrupt& interrupt) {
    this->begin_sample(sample, first_wanted, n_wanted, nullptr);
    s.gu.fill(0);
    s.gv.fill(0);
    for (t_ = sample.n_steps - 1; t_ >= 0; t_--) {
      const size_t row = sample.place.row + t_;
      const size_t first = this->first_step(row);
      open_time_step(row, first);
      for (size_t step = tape.row_end[row]; --step > first;) {
        if (interrupt.raised()) return;
        step_back(step);
      }
      opening_back(first);
      this->leak_back(row);
    }
  }

 private:
  const TimedNetwork& cores_;
  const bool repeated_;          // whether neurons may fire repeatedly in a time step
  Array<Real> by_firing_;        // (firings, places) by the spike of a firing, from its messages
  Array<int32_t> firings_;       // by place: firings in this time step that are not undone yet
  std::vector<uint64_t> asked_;  // by core: layers to which zero spikes were delivered, a bit each, 64 in each word

  void open_time_step(size_t row, size_t first) {
    this->open_row(row);
    std::fill(asked_.begin(), asked_.end(), 0);
    const int most = repeated_ ? count_firings(row, first) : 1;
    // A silent check may lie after the last firing.
    const size_t n = static_cast<size_t>(most + 1) * net.n_places();
    by_firing_.reserve(n);
    std::fill_n(by_firing_.get(), n, Real(0));
  }
  // Counts how often each neuron fired in a time step; returns the largest number.
  int count_firings(size_t row, size_t first) {
    firings_.fill(0);
    int most = 0;
    size_t check = begins(first).check, touched = begins(first).touched;
    for (int b = 0; b < net.n_blocks; b++, check++) most = std::max(most, add_firings(b, tape.check[check]));
    for (; check < tape.step[tape.row_end[row] - 1].check_end; check++, touched++) {
      most = std::max(most, add_firings(tape.touched[touched], tape.check[check]));
    }
    return most;
  }
  int add_firings(int block, const Check& check) {
    int most = 0;
    for (Bits left = check.fired; left; left &= left - 1) {
      most = std::max(most, ++firings_[BLOCK * block + __builtin_ctz(left)]);
    }
    return most;
  }

  // What the spikes of firings at a check get from their messages; silent lanes: what the next firing gets.
  LAVA_INLINE Block<Real> by_firings(int block, Bits fires) {
    const size_t i = place(block);
    if (!repeated_) return load(&by_firing_[i]);
    Real found[BLOCK] __attribute__((aligned(64)));
    for (int lane = 0; lane < BLOCK; lane++) {
      firings_[i + lane] -= fires >> lane & 1;
      found[lane] = by_firing_[static_cast<size_t>(firings_[i + lane]) * net.n_places() + i + lane];
    }
    return load(found);
  }

  // Undoes the check of a block, at this place of the tape, and writes the derivative by what arrived.
  LAVA_INLINE void check_back(int block, size_t check_at, bool opening) {
    const size_t i = place(block);
    const Check& check = tape.check[check_at];
    const auto voltage = load(&tape.voltage[check_at * BLOCK]);
    const Bits at_peak = static_cast<Bits>(check.at_peak & ~s.passed[block]);
    s.passed[block] |= check.above_peak;
    const Bits counts = check.checked & (rule.peak ? check.fired | (at_peak & ~fired[block]) : ALL_BITS);
    const Mask fires = mask(check.fired), checked = mask(check.checked);
    const auto sent = by_firings(block, check.fired);
    auto gv = load(&s.gv[i]);
    auto got = load(this->sent_at(t_) + i);
    got = got + (rule.credit == DELIVERED ? sent : select(fires, sent, load(&zero_[i])));
    if (rule.differentiated) got = got - select(checked, gv * voltage, zero<Real>());
    const auto slope = select(mask(counts), got * slope_at(w, rule.surrogate, i, voltage), zero<Real>());
    if (rule.neurons) store(&g.vth[i], load(&g.vth[i]) - slope);
    gv = select(fires, zero<Real>(), gv) + slope;
    store(&s.gv[i], gv);
    // The voltage of a refractory neuron takes nothing; as the time step opens none is.
    store(&s.arriving[i], load(&s.gu[i]) + (opening ? gv : select(checked, gv, zero<Real>())));
    held_[block] &= ~check.fired;
  }

  void step_back(size_t step) {
    const Step& now = tape.step[step];
    const TapePlace from = begins(step);
    for (size_t check = from.check, touched = from.touched; check < now.check_end; check++, touched++) {
      check_back(tape.touched[touched], check, false);
    }
    const TimedNetwork::Reach& reach = cores_.reaches[tape.reach[from.group]];
    const int source = tape.source[from.group];
    const Real got = reach_adjoint(reach, static_cast<Real>(tape.payload[from.group]), s.arriving.get());
    if (source >= 0) {
      by_firing_[static_cast<size_t>(tape.emission[from.group]) * net.n_places() + net.place_of[source]] += got;
    } else if (sample_.input) {
      input_at(t_)[source + net.n_inputs] += got;
    }
    if (rule.credit != LAST) return;
    uint64_t* asked = &asked_[static_cast<size_t>(reach.core) * (1 + tape.n_more)];
    for (int word = 0; word <= tape.n_more; word++, asked++) {
      const uint64_t layers = tape.layers(step, word);
      for (uint64_t left = layers & ~*asked; left; left &= left - 1) {
        zero_spikes(64 * word + __builtin_ctzll(left), reach.core);
      }
      *asked |= layers;
    }
  }

  // Undoes the delivery of a payload through some synapses; returns what its source gets.
  LAVA_INLINE Real reach_adjoint(const TimedNetwork::Reach& reach, Real payload, const Real* arriving) const {
    const Real* weights = w.weights.get();
    Real* gradient = g.weights.get();
    auto total = zero<Real>();
    Real single = 0;
    for (size_t e = reach.first; e < reach.last; e++) {
      const TimedNetwork::Piece& piece = cores_.pieces[e];
      const Real* at = arriving + place(piece.block);
      if (piece.single) {
        const Real here = at[__builtin_ctz(piece.lanes)];
        single += weights[piece.weight] * here;
        gradient[piece.weight] += payload * here;
        continue;
      }
      const auto here = select(mask(piece.lanes), load(at), zero<Real>());
      total = total + load_unaligned(weights + piece.weight) * here;
      Real* to = gradient + piece.weight;
      store_unaligned(to, load_unaligned(to) + splat(payload) * here);
    }
    return sum(total) + single;
  }

  // Delivers the zero spikes of silent checks to the neurons of a layer that lie in a core.
  void zero_spikes(int index, int core) {
    const Layer& l = net.layers[index];
    for (int b = l.block; b < l.block + l.blocks; b++) {
      const size_t i = place(b);
      const Bits here = cores_.lanes_in(b, net.exists[b], core);
      const auto gv = select(mask(held_[b]), zero<Real>(), load(&s.gv[i]));
      store(&s.later[i], select(mask(here), load(&s.gu[i]) + gv, zero<Real>()));
    }
    for (const Bundle& bundle : l.incoming) {
      if (bundle.source == INPUT) continue;
      for (int q : bundle.parts) {
        const Part& p = net.parts[q];
        if (p.kind == Kind::DENSE && !p.delays()) {
          zero_spikes_of_dense(p, core);
        } else {
          const Adjoint<Real> a = this->adjoint(s.later.get());
          for (int row = 0; row < p.n_source; row++) {
            if (p.delay_of(row) > 0) continue;
            zero_[net.place_of[net.layers[p.source].first + row]] +=
                this->template part_adjoint<false>(p, row, Real(0), a);
          }
        }
      }
    }
  }
  void zero_spikes_of_dense(const Part& p, int core) {
    const Layer &from = net.layers[p.source], &to = net.layers[p.target];
    const size_t stride = static_cast<size_t>(from.blocks) * BLOCK;
    each_tile(from.blocks, [&](auto q_, int b) {
      constexpr int Q = decltype(q_)::value;
      Blocks<Real, Q> total;
      for (auto& x : total) x = zero<Real>();
      const Real* turned = w.turned.get() + p.turned + static_cast<size_t>(b) * BLOCK;
      for (int j = 0; j < p.n_target; j++) {
        const int at = to.block * BLOCK + to.place_in_layer(j);
        if (cores_.core_of[at] != core) continue;
        const Real* row = turned + static_cast<size_t>(j) * stride;
        const auto x = splat(s.later[at]);
        for (int q = 0; q < Q; q++) total[q] = total[q] + load(row + q * BLOCK) * x;
      }
      for (int q = 0; q < Q; q++) {
        Real* into = &zero_[place(from.block + b + q)];
        store(into, load(into) + total[q]);
      }
    });
  }

  // Forward step 0: checks, then delayed spikes and the input, unless it is sent in messages.
  void opening_back(size_t first) {
    const size_t check = begins(first).check;
    for (int b = 0; b < net.n_blocks; b++) {
      if (tape.check[check + b].checked || sample_.input || net.has_delays) check_back(b, check + b, true);
    }
    for (int lag = 1; lag <= std::min(net.longest_delay, t_); lag++) late_back(lag);
    if (!rules.input_first) return;
    const int64_t from = sample_.start[t_];
    const Spikes input{sample_.channel + from, sample_.count ? sample_.count + from : nullptr,
                       static_cast<int>(sample_.start[t_ + 1] - from), 0};
    Real* to = sample_.input ? input_at(t_) : nullptr;
    for (int index = 0; index < net.n_layers(); index++) {
      if (tape.touches(first, index) || to) this->input_adjoint(index, input, to);
    }
  }

  // Undoes what sources emitted so many time steps ago. Those that were silent get something too: their count is a sum
  // of differentiable spikes.
  void late_back(int lag) {
    const int t = t_ - lag;
    payloads_.assign(static_cast<size_t>(net.n_inputs) + net.n_neurons, 0);
    for (int64_t e = sample_.start[t]; e < sample_.start[t + 1]; e++) {
      payloads_[sample_.channel[e]] = sample_.count ? sample_.count[e] : 1;
    }
    const SpikeRow& emitted = tape.spikes[sample_.place.row + t];
    for (int layer = 0; layer < net.n_layers(); layer++) {
      const Spikes spikes = emitted.of(net, layer);
      for (int e = 0; e < spikes.n; e++) payloads_[net.n_inputs + spikes.id[e]] = spikes.payload_of(e);
    }
    for (int source = 0; source < net.n_inputs + net.n_neurons; source++) {
      const bool is_input = source < net.n_inputs;
      if (is_input && payloads_[source] == 0 && !sample_.input) continue;
      Real got = 0;
      for (size_t r = cores_.begin[source]; r < cores_.begin[source + 1]; r++) {
        const TimedNetwork::Reach& reach = cores_.reaches[r];
        if (reach.delay == lag) got += reach_adjoint(reach, static_cast<Real>(payloads_[source]), s.arriving.get());
      }
      if (!is_input) {
        this->sent_at(t)[net.place_of[source - net.n_inputs]] += got;
      } else if (sample_.input) {
        input_at(t)[source] += got;
      }
    }
  }
  std::vector<int> payloads_;  // by source
};

}  // namespace LAVA_ISA
}  // namespace lava_async
