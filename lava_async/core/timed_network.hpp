// The synapses of a network by source and core, for timed execution.
#pragma once
#include <algorithm>
#include <vector>

#include "engine.hpp"

namespace lava_async {

struct TimedNetwork {
  // Synapses of a source onto neurons of one block that lie in one core: those of `lanes`, whose weights follow one
  // another from that of lane 0 on; `single`: the weight of the only lane.
  struct Piece {
    int32_t block;
    Bits lanes;
    bool single;
    size_t weight;
    size_t imaginary;  // the same of the imaginary parts of complex weights, else NONE
    static constexpr size_t NONE = SIZE_MAX;
  };
  // What a source reaches in a core, with one delay: pieces first .. last - 1.
  struct Reach {
    int core, delay, synapses;
    size_t first, last;
  };
  std::vector<size_t> begin;  // (C + N + 1,) the reaches of each source, by core, then delay
  std::vector<Reach> reaches;
  std::vector<Piece> pieces;
  std::vector<int> core_of;        // by place; -1: nobody
  std::vector<int> core_of_block;  // -1: its neurons lie in several cores
  std::vector<int64_t> size;       // neurons of each core

  TimedNetwork(const Layout& net, const Machine& machine)
      : core_of(net.n_places(), -1), core_of_block(net.n_blocks, -1), size(machine.n_cores) {
    for (int i = 0; i < net.n_neurons; i++) {
      core_of[net.place_of[i]] = static_cast<int>(machine.core_of[i]);
      size[machine.core_of[i]]++;
    }
    for (int b = 0; b < net.n_blocks; b++) {
      if (net.exists[b] == 0) continue;
      const int core = core_of[BLOCK * b + __builtin_ctz(net.exists[b])];
      if (lanes_in(b, net.exists[b], core) == net.exists[b]) core_of_block[b] = core;
    }
    std::vector<Found> found;
    begin.push_back(0);
    for (int layer = INPUT; layer < net.n_layers(); layer++) {
      for (int row = 0; row < net.n_source(layer); row++) {
        found.clear();
        for (const Part& p : net.parts) {
          if (p.source != layer || p.imaginary) continue;
          each_piece(net, p, row, [&](Piece piece) {
            if (p.twin >= 0) piece.imaginary = piece.weight - p.weights + net.parts[p.twin].weights;
            add(found, piece, p.delay_of(row));
          });
        }
        std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
          return a.core != b.core ? a.core < b.core : a.delay < b.delay;
        });
        for (const Found& f : found) {
          const bool starts =
              begin.back() == reaches.size() || reaches.back().core != f.core || reaches.back().delay != f.delay;
          if (starts) reaches.push_back({f.core, f.delay, 0, pieces.size(), pieces.size()});
          pieces.push_back(f.piece);
          reaches.back().synapses += __builtin_popcount(f.piece.lanes);
          reaches.back().last = pieces.size();
        }
        begin.push_back(reaches.size());
      }
    }
  }

  // Those of some neurons of a block that lie in a core.
  Bits lanes_in(int block, Bits lanes, int core) const {
    Bits here = 0;
    for (Bits left = lanes; left; left &= left - 1) {
      const int lane = __builtin_ctz(left);
      if (core_of[BLOCK * block + lane] == core) here |= static_cast<Bits>(1 << lane);
    }
    return here;
  }

 private:
  struct Found {
    int core, delay;
    Piece piece;
  };

  // Cuts a piece by the cores of its neurons.
  void add(std::vector<Found>& found, Piece piece, int delay) const {
    while (piece.lanes) {
      const int core = core_of[BLOCK * piece.block + __builtin_ctz(piece.lanes)];
      const Bits here = lanes_in(piece.block, piece.lanes, core);
      found.push_back({core, delay, {piece.block, here, piece.single, piece.weight, piece.imaginary}});
      piece.lanes &= static_cast<Bits>(~here);
    }
  }
  template <class F>
  static void each_piece(const Layout& net, const Part& p, int row, F f) {
    const Layer& to = net.layers[p.target];
    if (p.kind == Kind::SPARSE) {
      for (int64_t e = p.start[row]; e < p.start[row + 1]; e++) {
        f({p.reached[e] / BLOCK, static_cast<Bits>(1 << p.reached[e] % BLOCK), true, p.weights + e, Piece::NONE});
      }
    } else if (p.kind == Kind::DENSE) {
      for (int b = 0; b < to.blocks; b++) {
        f({to.block + b, net.exists[to.block + b], false, p.weights + row * p.stride + b * BLOCK, Piece::NONE});
      }
    } else {
      const ConvLayout::Walk w = p.there.walk(row);
      for (int r = 0; r < w.rows; r++) {
        for (int b = 0; b < w.blocks; b++) {
          f({static_cast<int32_t>(to.block + w.block + r * w.block_step + b), w.masks[b], false,
             p.weights + w.weights + r * w.row_step + b * BLOCK, Piece::NONE});
        }
      }
    }
  }
};

}  // namespace lava_async
