// The backward pass of timed runs: semantics, sections 6 and 7.
//
// A forward step is one message from a source to a core, which reaches the neurons of that core alone. Messages are
// never merged, so each belongs to one firing of its source, and a check that does not fire belongs to none: its zero
// spike is delivered once to each layer of each core, with the last message of the time step that touches that layer
// there (credit `last`).
#pragma once
#include "backward.hpp"
#include "timed_network.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class Real>
class TimedBackward : AdjointBase<Real> {
  using Base = AdjointBase<Real>;
  using Base::net, Base::rule, Base::tape, Base::w, Base::g, Base::s, Base::fired, Base::place;

 public:
  TimedBackward(const Layout& net, const Rules& rules, const GradientRules& rule, const Tape<Real>& tape,
                const Trainable<Real>& w, Gradients<Real>& g, const TimedNetwork& cores)
      : Base(net, rule, tape, w, g),
        rules_(rules),
        cores_(cores),
        repeated_(!rules.refractory || rules.refractory_dropout > 0),
        zero_(net.n_places()),
        refractory_(net.n_blocks + 8),
        firings_(net.n_places()),
        asked_(cores.size.size() * (1 + tape.n_more)) {
    sent_.reserve(net.n_places());
  }

  // Undoes a whole sample, unless interrupted.
  void run(const BackwardSample<Real>& sample, int first_wanted, int n_wanted, Interrupt& interrupt) {
    sample_ = sample;
    counts_.reserve(static_cast<size_t>(sample.n_steps) * net.n_places() + BLOCK);
    counts_.fill(0);
    for (int t = 0; t < sample.n_steps; t++) {
      for (int i = 0; i < n_wanted; i++) {
        counts_at(t)[net.place_of[first_wanted + i]] = sample.derivative[static_cast<size_t>(t) * n_wanted + i];
      }
    }
    s.gu.fill(0);
    s.gv.fill(0);
    for (t_ = sample.n_steps - 1; t_ >= 0; t_--) {
      const size_t row = sample.place.row + t_;
      const size_t first = t_ ? tape.row_end[row - 1] : sample.place.step;
      open_row(row, first);
      for (size_t step = tape.row_end[row]; --step > first;) {
        if (interrupt.raised()) return;
        step_back(step);
      }
      opening_back(first);
      this->leak_back(row);
    }
  }

 private:
  const Rules& rules_;
  const TimedNetwork& cores_;
  const bool repeated_;  // whether neurons may fire repeatedly in a time step
  BackwardSample<Real> sample_;
  int t_ = 0;
  Array<Real> counts_;       // (T, places) by the spike counts
  Array<Real> sent_;         // (firings, places) by the spike of a firing, from its messages
  Array<Real> zero_;         // by place: what silent checks get from the delivery of their zero spikes
  Array<Bits> refractory_;   // by block
  Array<int32_t> firings_;   // by place: firings in this time step that are not undone yet
  std::vector<uint64_t> asked_;  // by core: layers to which zero spikes were delivered, a bit each, 64 in each word

  Real* counts_at(int t) { return &counts_[static_cast<size_t>(t) * net.n_places()]; }
  TapePlace begins(size_t step) const {
    if (step == sample_.place.step) return sample_.place;
    const Step& before = tape.step[step - 1];
    return {0, 0, before.group_end, before.check_end, before.touched_end};
  }

  void open_row(size_t row, size_t first) {
    fired = &tape.fired[row * net.n_blocks];
    zero_.fill(0);
    for (int b = 0; b < net.n_blocks; b++) {
      refractory_[b] = tape.refractory[row * net.n_blocks + b];
      s.passed[b] = 0;
    }
    std::fill(asked_.begin(), asked_.end(), 0);
    const int most = repeated_ ? count_firings(row, first) : 1;
    // A silent check may lie after the last firing.
    const size_t n = static_cast<size_t>(most + 1) * net.n_places();
    sent_.reserve(n);
    std::fill_n(sent_.get(), n, Real(0));
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
  LAVA_INLINE Block<Real> sent_at(int block, Bits fires) {
    const size_t i = place(block);
    if (!repeated_) return load(&sent_[i]);
    Real found[BLOCK] __attribute__((aligned(64)));
    for (int lane = 0; lane < BLOCK; lane++) {
      firings_[i + lane] -= fires >> lane & 1;
      found[lane] = sent_[static_cast<size_t>(firings_[i + lane]) * net.n_places() + i + lane];
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
    const auto sent = sent_at(block, check.fired);
    auto gv = load(&s.gv[i]);
    auto got = load(counts_at(t_) + i);
    got = got + (rule.credit == DELIVERED ? sent : select(fires, sent, load(&zero_[i])));
    if (rule.differentiated) got = got - select(checked, gv * voltage, zero<Real>());
    const auto slope = select(mask(counts), got * slope_at(w, rule.surrogate, i, voltage), zero<Real>());
    if (rule.neurons) store(&g.vth[i], load(&g.vth[i]) - slope);
    gv = select(fires, zero<Real>(), gv) + slope;
    store(&s.gv[i], gv);
    // The voltage of a refractory neuron takes nothing; as the time step opens none is.
    store(&s.arriving[i], load(&s.gu[i]) + (opening ? gv : select(checked, gv, zero<Real>())));
    refractory_[block] &= ~check.fired;
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
      sent_[static_cast<size_t>(tape.emission[from.group]) * net.n_places() + net.place_of[source]] += got;
    } else if (sample_.input) {
      sample_.input[static_cast<size_t>(t_) * net.n_inputs + source + net.n_inputs] += got;
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
      const auto gv = select(mask(refractory_[b]), zero<Real>(), load(&s.gv[i]));
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
    if (!rules_.input_first) return;
    const int64_t from = sample_.start[t_];
    const Spikes input{sample_.channel + from, sample_.count ? sample_.count + from : nullptr,
                       static_cast<int>(sample_.start[t_ + 1] - from), 0};
    Real* to = sample_.input ? sample_.input + static_cast<size_t>(t_) * net.n_inputs : nullptr;
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
        counts_at(t)[net.place_of[source - net.n_inputs]] += got;
      } else if (sample_.input) {
        sample_.input[static_cast<size_t>(t) * net.n_inputs + source] += got;
      }
    }
  }
  std::vector<int> payloads_;  // by source
};

}  // namespace LAVA_ISA
}  // namespace lava_async
