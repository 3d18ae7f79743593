// One sample back along its tape: semantics, section 6.
//
// What was picked when, which neurons were refractory and every dropout are constants. With gu, gv the derivatives of
// the loss by u and v, a forward step is undone so, for each neuron that was checked with slope s' and whose spike gets
// gs from its deliveries: gv <- 0 if it fired; gv += gs s'; gI = gu + gv is the derivative by what arrived: the weight
// of a spike gets payload * gI, its source w gI.
#pragma once
#include "adjoint.hpp"

namespace lava_async {
namespace LAVA_ISA {

// Where a sample's derivatives come from and where those of its input go.
template <class Real>
struct BackwardSample {
  const int32_t* channel = nullptr;
  const int32_t* count = nullptr;
  const int64_t* start = nullptr;
  const Real* derivative = nullptr;  // (T, n_wanted) by the counts of some neurons
  Real* input = nullptr;             // (T, C), or nullptr
  int n_steps = 0;
  size_t number = 0;  // in the batch
  TapePlace place;
};

// The usual gradient: neurons that fire at most once in a time step, with peak, reset constant, credit `last` or
// `delivered`, no delays. Layers that dense synapses reach are undone tile by tile, in registers.
template <class Real>
class UsualBackward : public AdjointBase<Real> {
  using Base = AdjointBase<Real>;
  using Base::net, Base::rule, Base::tape, Base::w, Base::g;

 public:
  using Base::s, Base::fired;
  explicit UsualBackward(const Undone<Real>& of) : Base(of) {}

  // Credit `last`, see share.hpp: by what arrives in the step that delivers zero spikes, and what its sources get.
  // Those that fired get nothing.
  const Real* later(bool) const { return s.later.get(); }
  bool leaves_out(int at) const { return fired[at / BLOCK] >> at % BLOCK & 1; }
  Real& by_zero_spike(int at) { return s.grad_spike[at]; }
  LAVA_INLINE void add_zero_spikes(ptrdiff_t block, Block<Real> got) {
    Real* to = &s.grad_spike[static_cast<size_t>(block) * BLOCK];
    store_where(to, mask(static_cast<Bits>(~fired[block])), load(to) + got);
  }

  void begin(const BackwardSample<Real>& sample, int first_wanted, int n_wanted) {
    sample_ = sample;
    first_ = first_wanted;
    n_wanted_ = n_wanted;
    s.gu.fill(0);
    s.gv.fill(0);
    t_ = sample.n_steps;
    asking_ = 0;
    if (t_ == 0) return;
    step_ = first_step_ = tape.row_end[sample.place.row + t_ - 1];
    previous_time_step();
  }

  // Goes back until a layer asks for what silent checks get from its deliveries (credit `last`): returns that layer, -1
  // at the beginning of the sample. So that several samples can be served at once, see share.hpp.
  int go(Interrupt&) {
    if (t_ == sample_.n_steps && t_ == 0) return -1;
    for (;;) {
      if (asking_) {
        const int layer = __builtin_ctzll(asking_);
        asking_ &= asking_ - 1;
        return layer;
      }
      step_--;
      const TapePlace& p = sample_.place;
      if (step_ > first_step_) {
        fetch_ahead();
        const Step& before = tape.step[step_ - 1];
        step_back(tape.step[step_], before);
      } else {
        const size_t check = step_ > p.step ? tape.step[step_ - 1].check_end : p.check;
        opening_back(tape.step[step_], &tape.check[check]);
        if (t_ == 0) return -1;
        previous_time_step();
      }
    }
  }

 private:
  BackwardSample<Real> sample_;
  int first_ = 0, n_wanted_ = 0;
  int t_ = 0;
  size_t step_ = 0, first_step_ = 0;
  uint64_t asking_ = 0, asked_ = 0;  // layers; of this time step

  static size_t place(int block) { return static_cast<size_t>(block) * BLOCK; }

  void previous_time_step() {
    t_--;
    const size_t row = sample_.place.row + t_;
    const Real* peak = &tape.peak[row * net.n_places()];
    fired = &tape.fired[row * net.n_blocks];
    for (int b = 0; b < net.n_blocks; b++) {
      const size_t i = place(b);
      store(&s.slope[i], slope_at(w, rule.surrogate, i, load(peak + i)));
      store(&s.grad_spike[i], zero<Real>());
      s.passed[b] = 0;
      // The voltage of a neuron that fired was reset, and stayed so.
      store_where(&s.gv[i], mask(fired[b]), zero<Real>());
    }
    const Real* d = sample_.derivative + static_cast<size_t>(t_) * n_wanted_;
    for (int i = 0; i < n_wanted_; i++) s.grad_spike[net.place_of[first_ + i]] = d[i];
    first_step_ = t_ ? tape.row_end[row - 1] : sample_.place.step;
    asked_ = 0;
    if (t_ > 0) {
      fetch(peak - net.n_places(), net.n_places() * sizeof(Real), 8192);
      __builtin_prefetch(fired - net.n_blocks);
    }
  }

  // The tape comes from far memory and is walked backwards, which no processor foresees.
  LAVA_INLINE void fetch_ahead() const {
    constexpr size_t AHEAD = 8;
    if (step_ < sample_.place.step + AHEAD + 1) return;
    const Step &early = tape.step[step_ - AHEAD], &before = tape.step[step_ - AHEAD - 1];
    __builtin_prefetch(&tape.step[step_ - std::min(step_, 2 * AHEAD)]);
    __builtin_prefetch(&tape.begin[(step_ - AHEAD) * (net.layers.size() + 2)]);
    __builtin_prefetch(&tape.source[before.group_end]);
    fetch(&tape.touched[before.touched_end], (early.touched_end - before.touched_end) * sizeof(int32_t), 512);
    fetch(&tape.check[before.check_end], (early.check_end - before.check_end) * sizeof(Check), 1024);
  }
  static LAVA_INLINE void fetch(const void* from, size_t n, size_t most) {
    for (size_t i = 0; i < std::min(n, most); i += 64) __builtin_prefetch(static_cast<const char*>(from) + i);
  }

  // Undoes the check of a block; returns the derivative by what arrived.
  LAVA_INLINE Block<Real> check_back(int block, const Check& check) {
    const size_t i = place(block);
    const Bits counts = check.checked & (check.fired | (check.at_peak & ~(s.passed[block] | fired[block])));
    s.passed[block] |= check.above_peak;
    const auto slope = select(mask(counts), load(&s.grad_spike[i]) * load(&s.slope[i]), zero<Real>());
    if (rule.neurons) store(&g.vth[i], load(&g.vth[i]) - slope);
    const auto gv = select(mask(check.fired), zero<Real>(), load(&s.gv[i])) + slope;
    store(&s.gv[i], gv);
    return load(&s.gu[i]) + gv;  // gv of a refractory neuron is 0
  }

  LAVA_INLINE void step_back(const Step& now, const Step& before) {
    const Check* check = &tape.check[before.check_end];
    const int32_t* touched = &tape.touched[before.touched_end];
    const int32_t* touched_end = &tape.touched[now.touched_end];
    asking_ = rule.credit == LAST ? now.layers & ~asked_ : 0;
    asked_ |= now.layers;
    this->set_group(step_, before.group_end, nullptr);
    for (uint64_t left = now.layers; left; left &= left - 1) {
      const int index = __builtin_ctzll(left);
      const Layer& l = net.layers[index];
      const bool asks = asking_ >> index & 1;
      if (l.scattered) {
        for (; touched < touched_end && *touched < l.block + l.blocks && *touched >= l.block; touched++, check++) {
          store(&s.arriving[place(*touched)], check_back(*touched, *check));
        }
        this->deliver_adjoint(index);
        if (asks) this->keep_for_zero_spikes(index);
        continue;
      }
      each_tile(l.blocks, [&](auto q_, int b) {
        constexpr int Q = decltype(q_)::value;
        Blocks<Real, Q> arriving;
        for (int q = 0; q < Q; q++) arriving[q] = check_back(l.block + b + q, check[b + q]);
        if (asks) {
#pragma GCC unroll 8
          for (int q = 0; q < Q; q++) store(&s.later[place(l.block + b + q)], arriving[q]);
        }
        for (const Bundle& bundle : l.incoming) {
          const Part& p = net.parts[bundle.parts[0]];
          const Spikes spikes = this->group(p.source);
          if (spikes.n == 0) continue;
          const size_t at = p.weights + place(b);
          rows_adjoint<Real, Q>(w.weights.get() + at, g.weights.get() + at, p.stride, spikes, arriving,
                                net.place_of.get(), s.grad_spike.get());
        }
      });
      check += l.blocks;
    }
  }

  // Forward step 0: checks, the input, the leak.
  LAVA_INLINE void opening_back(const Step& now, const Check* check) {
    const int64_t from = sample_.start[t_];
    const Spikes input{sample_.channel + from, sample_.count ? sample_.count + from : nullptr,
                       static_cast<int>(sample_.start[t_ + 1] - from), 0};
    for (int index = 0; index < net.n_layers(); index++) {
      const Layer& l = net.layers[index];
      const bool touched = now.layers >> index & 1;
      if (!touched && !w.fires_alone[index] && !rule.input) {  // nothing was checked
        check += l.blocks;
        continue;
      }
      if (l.scattered || rule.input) {
        for (int b = 0; b < l.blocks; b++) store(&s.arriving[place(l.block + b)], check_back(l.block + b, check[b]));
        if (touched || rule.input) this->input_adjoint(index, input, input_gradient());
      } else {
        each_tile(l.blocks, [&](auto q_, int b) {
          constexpr int Q = decltype(q_)::value;
          Blocks<Real, Q> arriving;
          for (int q = 0; q < Q; q++) arriving[q] = check_back(l.block + b + q, check[b + q]);
          if (!touched) return;
          for (const Bundle& bundle : l.incoming) {
            const Part& p = net.parts[bundle.parts[0]];
            if (p.source == INPUT) rows_adjoint<Real, Q>(&g.weights[p.weights + place(b)], p.stride, input, arriving);
          }
        });
      }
      check += l.blocks;
    }
    this->leak_back(sample_.place.row + t_);
  }
  Real* input_gradient() const {
    return sample_.input ? sample_.input + static_cast<size_t>(t_) * net.n_inputs : nullptr;
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
