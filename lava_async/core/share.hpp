// A batch, undone share by share. What belongs to a share depends on the batch alone, never on the threads, and shares
// are added up in their order, so gradients do not depend on the number of threads.
#pragma once
#include <memory>

#include "general_backward.hpp"

namespace lava_async {
namespace LAVA_ISA {

// How many samples are undone side by side: those whose layers ask for zero spikes at the same time are served at once.
constexpr int SIDE_BY_SIDE = 4;

// Serves N walkers that are at the same layer.
template <int N, class Real>
void serve(const Layout& net, const Trainable<Real>& w, int layer, UsualBackward<Real>* const* those) {
  const Real* later[N];
  for (int n = 0; n < N; n++) later[n] = those[n]->s.later.get();
  const auto into = [&](int n, ptrdiff_t block, Block<Real> got) {
    Real* to = &those[n]->s.grad_spike[static_cast<size_t>(block) * BLOCK];
    store_where(to, mask(static_cast<Bits>(~those[n]->fired[block])), load(to) + got);
  };
  for (const Bundle& bundle : net.layers[layer].incoming) {
    if (bundle.source == INPUT) continue;
    for (int q : bundle.parts) {
      const Part& p = net.parts[q];
      if (p.kind == Kind::DENSE) {
        dense_transposed<N>(net, p, w.turned.get(), later, into);
        continue;
      }
      for (int n = 0; n < N; n++) {
        if (p.kind == Kind::CONV) {
          conv_transposed(net, p, w.turned.get(), later[n],
                          [&](ptrdiff_t block, Block<Real> got) { into(n, block, got); });
          continue;
        }
        const Adjoint<Real> a{w.weights.get(), nullptr, later[n]};
        const int first = net.layers[p.source].first;
        for (int row = 0; row < p.n_source; row++) {
          const int at = net.place_of[first + row];
          if (those[n]->fired[at / BLOCK] >> at % BLOCK & 1) continue;
          those[n]->s.grad_spike[at] += sparse_adjoint<false>(p, row, Real(0), a);
        }
      }
    }
  }
}

// Undoes n samples; sample(i) says which. `stop` is asked now and then.
template <class Real, class SampleOf, class Stop>
void usual_backward(const Layout& net, const Trainable<Real>& w,
                    std::vector<std::unique_ptr<UsualBackward<Real>>>& walkers, int n, SampleOf sample,
                    int first_wanted, int n_wanted, Stop stop) {
  std::vector<std::pair<int, UsualBackward<Real>*>> waiting;
  int next = 0;
  const auto go_on = [&](UsualBackward<Real>* x) {
    for (;;) {
      const int layer = x->go();
      if (layer >= 0) {
        waiting.push_back({layer, x});
        return;
      }
      if (next == n || stop()) return;
      x->begin(sample(next++), first_wanted, n_wanted);
    }
  };
  for (auto& x : walkers) {
    if (next == n) break;
    x->begin(sample(next++), first_wanted, n_wanted);
    go_on(x.get());
  }
  while (!waiting.empty() && !stop()) {
    int layer = 0, most = 0;
    for (auto& a : waiting) {
      int same = 0;
      for (auto& b : waiting) same += a.first == b.first;
      if (same > most) {
        most = same;
        layer = a.first;
      }
    }
    UsualBackward<Real>* those[SIDE_BY_SIDE];
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
