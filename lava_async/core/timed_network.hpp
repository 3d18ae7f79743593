// The synapses of a network by source and core, for timed execution.
#pragma once
#include <algorithm>
#include <vector>

#include "engine.hpp"

namespace lava_async {

struct TimedNetwork {
  // What a source reaches in a core, with one delay: synapses first .. last - 1.
  struct Reach {
    int core, delay;
    size_t first, last;
  };
  std::vector<size_t> begin;  // (C + N + 1,) the reaches of each source, by core, then delay
  std::vector<Reach> reaches;
  std::vector<int32_t> target;  // place
  std::vector<size_t> weight;   // place among the weights
  std::vector<int> core_of;     // by place; -1: nobody
  std::vector<int64_t> size;    // neurons of each core

  TimedNetwork(const Layout& net, const Machine& machine) : core_of(net.n_places(), -1), size(machine.n_cores) {
    for (int i = 0; i < net.n_neurons; i++) {
      core_of[net.place_of[i]] = static_cast<int>(machine.core_of[i]);
      size[machine.core_of[i]]++;
    }
    struct Synapse {
      int core, delay;
      int32_t target;
      size_t weight;
    };
    std::vector<Synapse> found;
    begin.push_back(0);
    for (int layer = INPUT; layer < net.n_layers(); layer++) {
      for (int row = 0; row < net.n_source(layer); row++) {
        found.clear();
        for (const Part& p : net.parts) {
          if (p.source != layer) continue;
          each_synapse(net, p, row, [&](int at, size_t w) { found.push_back({core_of[at], p.delay_of(row), at, w}); });
        }
        std::stable_sort(found.begin(), found.end(), [](const Synapse& a, const Synapse& b) {
          return a.core != b.core ? a.core < b.core : a.delay < b.delay;
        });
        for (const Synapse& s : found) {
          const bool starts =
              begin.back() == reaches.size() || reaches.back().core != s.core || reaches.back().delay != s.delay;
          if (starts) reaches.push_back({s.core, s.delay, target.size(), target.size()});
          target.push_back(s.target);
          weight.push_back(s.weight);
          reaches.back().last = target.size();
        }
        begin.push_back(reaches.size());
      }
    }
  }

 private:
  template <class F>
  static void each_synapse(const Layout& net, const Part& p, int row, F f) {
    const Layer& to = net.layers[p.target];
    if (p.kind == Kind::SPARSE) {
      for (int64_t e = p.start[row]; e < p.start[row + 1]; e++) f(p.reached[e], p.weights + e);
    } else if (p.kind == Kind::DENSE) {
      for (int i = 0; i < p.n_target; i++) {
        f(BLOCK * to.block + to.place_in_layer(i), p.weights + row * p.stride + to.place_in_layer(i));
      }
    } else {
      const ConvLayout::Walk w = p.there.walk(row);
      for (int r = 0; r < w.rows; r++) {
        for (int b = 0; b < w.blocks; b++) {
          for (Bits left = w.masks[b]; left; left &= left - 1) {
            const ptrdiff_t lane = BLOCK * b + __builtin_ctz(left);
            f(static_cast<int>(BLOCK * (to.block + w.block + r * w.block_step) + lane),
              p.weights + w.weights + r * w.row_step + lane);
          }
        }
      }
    }
  }
};

}  // namespace lava_async
