// What all backward passes share: memory, the adjoint of delivery, of the input and of the leak, and zero spikes.
#pragma once
#include "run.hpp"
#include "surrogate.hpp"
#include "synapses/conv.hpp"
#include "synapses/dense.hpp"
#include "synapses/sparse.hpp"
#include "tape.hpp"

namespace lava_async {
namespace LAVA_ISA {

// Derivatives of the sample that is undone, by place.
template <class Real>
struct BackwardState {
  Array<Real> gu, gv;
  Array<Real> grad_spike;  // by the spike that a check may have made
  Array<Real> slope;       // of the surrogate, at the peak of the time step
  Array<Real> arriving;    // by what arrived in the forward step
  Array<Real> later;       // the same of the forward step that delivers zero spikes
  Array<Bits> passed;      // by block: whether the check at which the voltage came to its peak was undone

  explicit BackwardState(const Layout& net) : passed(net.n_blocks + 8) {
    for (Array<Real>* x : {&gu, &gv, &grad_spike, &slope, &arriving, &later}) *x = Array<Real>(net.n_places());
  }
};

// What the backward passes of a share of a batch read, and where they write. P: the type of payloads, see SpikesOf.
template <class Real, class P = int32_t>
struct Undone {
  const Layout& net;
  const Rules& rules;
  const GradientRules& rule;
  const Tape<Real, P>& tape;
  const Trainable<Real>& w;
  Gradients<Real>& g;
};

template <class Real, class P = int32_t>
class AdjointBase {
 public:
  BackwardState<Real> s;
  const Bits* fired = nullptr;  // in the time step that is undone
  const Layout& net;
  const Trainable<Real>& w;

 protected:
  const Rules& rules;
  const GradientRules& rule;
  const Tape<Real, P>& tape;
  Gradients<Real>& g;

  explicit AdjointBase(const Undone<Real, P>& of)
      : s(of.net), net(of.net), w(of.w), rules(of.rules), rule(of.rule), tape(of.tape), g(of.g) {}

  static size_t place(int block) { return static_cast<size_t>(block) * BLOCK; }

  // The group of a forward step of the tape, of which `source` begins at group_at.
  void set_group(size_t step, size_t group_at, const P* payload) {
    group_ = &tape.source[group_at];
    payload_ = payload;
    begin_ = &tape.begin[step * (net.layers.size() + 2)];
  }
  LAVA_INLINE SpikesOf<P> group(int layer) const {
    const int begin = begin_[layer + 1];
    return {group_ + begin, payload_ ? payload_ + begin : nullptr, begin_[layer + 2] - begin,
            layer == INPUT ? -net.n_inputs : net.layers[layer].first};
  }

  Adjoint<Real> adjoint(const Real* arriving) const { return {w.weights.get(), g.weights.get(), arriving}; }

 public:
  // Undoes the delivery of one spike through a part; returns what its source gets.
  template <bool GRADIENT>
  Real part_adjoint(const Part& p, int row, Real payload, const Adjoint<Real>& a) const {
    switch (p.kind) {
      case Kind::DENSE:
        return dense_adjoint<GRADIENT>(net, p, row, payload, a);
      case Kind::SPARSE:
        return sparse_adjoint<GRADIENT>(p, row, payload, a);
      case Kind::CONV:
        return conv_adjoint<GRADIENT, true>(net, p, row, payload, a);
    }
    return 0;
  }

 protected:
  // Undoes the delivery of the group into a layer, given what arrived there.
  void deliver_adjoint(int index) { deliver_adjoint(net.layers[index].incoming, s.arriving.get()); }
  void deliver_adjoint(const std::vector<Bundle>& incoming, const Real* arriving) {
    const Adjoint<Real> a = adjoint(arriving);
    for (const Bundle& bundle : incoming) {
      const SpikesOf<P> spikes = group(bundle.source);
      for (int q : bundle.parts) {
        const Part& p = net.parts[q];
        for (int e = 0; e < spikes.n; e++) {
          const int row = spikes.row(e);
          if (p.delay_of(row) > 0) continue;
          const Real got = part_adjoint<true>(p, row, static_cast<Real>(spikes.payload_of(e)), a);
          if (bundle.source != INPUT) s.grad_spike[net.place_of[spikes.id[e]]] += got;
        }
      }
    }
  }

  // Undoes the delivery of input into a layer. `to` (C,), or nullptr: what all channels get, silent ones too.
  void input_adjoint(int index, const Spikes& input, Real* to) {
    const Adjoint<Real> a = adjoint(s.arriving.get());
    for (const Bundle& bundle : net.layers[index].incoming) {
      if (bundle.source != INPUT) continue;
      for (int q : bundle.parts) {
        const Part& p = net.parts[q];
        for (int e = 0; e < input.n; e++) {
          if (p.delay_of(input.row(e)) > 0) continue;
          const Real payload = static_cast<Real>(input.payload_of(e));
          if (p.kind == Kind::CONV) {
            conv_adjoint<true, false>(net, p, input.row(e), payload, a);
          } else {
            part_adjoint<true>(p, input.row(e), payload, a);
          }
        }
        for (int c = 0; to && c < net.n_inputs; c++) {
          if (p.delay_of(c) == 0) to[c] += part_adjoint<false>(p, c, Real(0), a);
        }
      }
    }
  }

  // Undoes the opening of a time step.
  void leak_back(size_t row) {
    for (size_t i = 0; i < net.n_places(); i += BLOCK) {
      const auto gu = load(&s.gu[i]), gv = load(&s.gv[i]);
      if (rule.decays) {
        const size_t at = row * net.n_places() + i;
        store(&g.keep_u[i], load(&g.keep_u[i]) + (gu + gv) * load(&tape.open_u[at]));
        store(&g.keep_v[i], load(&g.keep_v[i]) + gv * load(&tape.open_v[at]));
      }
      if (rule.neurons) store(&g.bias[i], load(&g.bias[i]) + gv);
      store(&s.gu[i], (gu + gv) * load(&w.keep_u[i]));
      store(&s.gv[i], gv * load(&w.keep_v[i]));
    }
  }

  // What arrives at a layer in the forward step that delivers zero spikes to it; gv of refractory neurons is 0.
  void keep_for_zero_spikes(int index) {
    const Layer& l = net.layers[index];
    for (int b = l.block; b < l.block + l.blocks; b++) {
      const size_t i = place(b);
      store(&s.later[i], load(&s.gu[i]) + load(&s.gv[i]));
    }
  }

 private:
  const int32_t *group_ = nullptr, *begin_ = nullptr;
  const P* payload_ = nullptr;
};

// What the silent checks of all sources of a dense part get from the step that delivers their zero spikes, for N
// samples at once, so that the weights come from memory once. into(n, block, sum) takes what a block of sources of
// sample n gets.
template <int N, class Real, class F>
LAVA_INLINE void dense_transposed(const Layout& net, const Part& p, const Real* turned, const Real* const* later,
                                  F into) {
  const Layer &from = net.layers[p.source], &to = net.layers[p.target];
  const size_t stride = static_cast<size_t>(from.blocks) * BLOCK;
  const int32_t* place_of = &net.place_of[to.first];
  constexpr int MOST = N == 1 ? TILE : N == 2 ? (TILE > 4 ? 4 : TILE) : 2;
  each_tile<MOST>(from.blocks, [&](auto q_, int b) {
    constexpr int Q = decltype(q_)::value;
    const Real* row = turned + p.turned + static_cast<size_t>(b) * BLOCK;
    std::array<Blocks<Real, Q>, N> total;
#pragma GCC unroll 8
    for (auto& sums : total) {
#pragma GCC unroll 8
      for (auto& x : sums) x = zero<Real>();
    }
    for (int j = 0; j < p.n_target; j++, row += stride) {
      Blocks<Real, Q> weights;
#pragma GCC unroll 8
      for (int q = 0; q < Q; q++) weights[q] = load(row + q * BLOCK);
      const int at = place_of[j];
      // Sums stay in registers only if no loop is left over them: half the time.
#pragma GCC unroll 4
      for (int n = 0; n < N; n++) {
        const auto x = splat(later[n][at]);
#pragma GCC unroll 8
        for (int q = 0; q < Q; q++) total[n][q] = total[n][q] + weights[q] * x;
      }
    }
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) {
#pragma GCC unroll 8
      for (int q = 0; q < Q; q++) into(n, from.block + b + q, total[n][q]);
    }
  });
}

}  // namespace LAVA_ISA
}  // namespace lava_async
