// A batch, undone share by share. What belongs to a share depends on the batch alone, never on the threads, and shares
// are added up in their order, so gradients do not depend on the number of threads.
#pragma once
#include <memory>
#include <vector>

#include "adjoint.hpp"

namespace lava_async {
namespace LAVA_ISA {

// How many samples are undone side by side: those whose layers ask for zero spikes at the same time are served at once.
constexpr int SIDE_BY_SIDE = 4;

// Serves N walkers that are at the same layer: `imaginary`, through those parts of the weights.
template <int N, class Walker, class Real>
void serve(const Layout& net, const Trainable<Real>& w, const std::vector<Bundle>& incoming, bool imaginary,
           Walker* const* those) {
  const Real* later[N];
  for (int n = 0; n < N; n++) later[n] = those[n]->later(imaginary);
  for (const Bundle& bundle : incoming) {
    if (bundle.source == INPUT) continue;
    for (int q : bundle.parts) {
      const Part& p = net.parts[q];
      if (p.kind == Kind::DENSE && !p.delays()) {
        dense_transposed<N>(net, p, w.turned.get(), later,
                            [&](int n, ptrdiff_t block, Block<Real> got) { those[n]->add_zero_spikes(block, got); });
        continue;
      }
      for (int n = 0; n < N; n++) {
        if (p.kind == Kind::CONV && !p.delays()) {
          conv_transposed(net, p, w.turned.get(), later[n],
                          [&](ptrdiff_t block, Block<Real> got) { those[n]->add_zero_spikes(block, got); });
          continue;
        }
        const Adjoint<Real> a{w.weights.get(), nullptr, later[n]};
        const int first = net.layers[p.source].first;
        for (int row = 0; row < p.n_source; row++) {
          const int at = net.place_of[first + row];
          if (p.delay_of(row) > 0 || those[n]->leaves_out(at)) continue;
          those[n]->by_zero_spike(at) += those[n]->template part_adjoint<false>(p, row, Real(0), a);
        }
      }
    }
  }
}
template <int N, class Walker, class Real>
void serve(const Layout& net, const Trainable<Real>& w, int layer, Walker* const* those) {
  serve<N>(net, w, net.layers[layer].incoming, false, those);
  if (!net.layers[layer].imaginary.empty()) serve<N>(net, w, net.layers[layer].imaginary, true, those);
}

// Undoes n samples; make() gives a walker, sample(i) says which.
template <class Real, class Make, class SampleOf>
void undo_samples(const Layout& net, const Trainable<Real>& w, Make make, int n, SampleOf sample, int first_wanted,
                  int n_wanted, Interrupt& interrupt) {
  using Walker = typename decltype(make())::element_type;
  std::vector<std::unique_ptr<Walker>> walkers;
  std::vector<std::pair<int, Walker*>> waiting;
  int next = 0;
  const auto go_on = [&](Walker* x) {
    for (;;) {
      const int layer = x->go(interrupt);
      if (layer >= 0) {
        waiting.push_back({layer, x});
        return;
      }
      if (next == n || interrupt.raised()) return;
      x->begin(sample(next++), first_wanted, n_wanted);
    }
  };
  while (next < std::min(n, SIDE_BY_SIDE) && !interrupt.raised()) {
    walkers.push_back(make());
    walkers.back()->begin(sample(next++), first_wanted, n_wanted);
    go_on(walkers.back().get());
  }
  while (!waiting.empty() && !interrupt.raised()) {
    int layer = 0, most = 0;
    for (auto& a : waiting) {
      int same = 0;
      for (auto& b : waiting) same += a.first == b.first;
      if (same > most) {
        most = same;
        layer = a.first;
      }
    }
    Walker* those[SIDE_BY_SIDE];
    int found = 0;
    for (size_t i = 0; i < waiting.size();) {
      if (waiting[i].first == layer) {
        those[found++] = waiting[i].second;
        waiting[i] = waiting.back();
        waiting.pop_back();
      } else {
        i++;
      }
    }
    switch (found) {
      case 1:
        serve<1>(net, w, layer, those);
        break;
      case 2:
        serve<2>(net, w, layer, those);
        break;
      case 3:
        serve<3>(net, w, layer, those);
        break;
      default:
        serve<4>(net, w, layer, those);
        break;
    }
    for (int i = 0; i < found; i++) go_on(those[i]);
  }
}

}  // namespace LAVA_ISA
}  // namespace lava_async
