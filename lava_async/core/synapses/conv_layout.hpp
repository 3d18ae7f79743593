// How the weights of a convolution lie, in one direction: from its source to its target, or back.
//
// From a place of the grid `from`, every channel reaches a few rows of places of the grid `to`, and each of these is a
// run of whole blocks, with weights 0 where it leads nowhere. Columns that reach theirs alike (clipping at an edge,
// place in the block, phase of the stride) share a *pattern*, and the kernel is stored once per pattern. So a spike
// adds aligned blocks, at the edges of the grid too, and no case has to be told from another.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "../geometry.hpp"

namespace lava_async {

struct ConvLayout {
  // What a row of `from` reaches: n rows of the kernel, beginning with `entry`, and the first block behind it.
  struct Row {
    int block, entry, n;
  };
  struct Column {
    int block, pattern;
  };
  // Of a pattern and a group: the first block, how many there are, and which of their lanes are reached (`masks`).
  struct Run {
    int32_t first, n, masks;
  };
  struct Pattern {
    int entry, entry_step, n, place_step, align;  // taps of its columns, and the lane at which the first place begins
    int blocks;                                   // of the longest run
    size_t weights;                               // where they begin
    size_t channel_step, kernel_row;              // from one channel of `from`, one row of the kernel to the next
    ptrdiff_t row_step;                           // from one reached row to the next
  };

  int channels = 0, places = 0, width = 0, groups = 1;
  ptrdiff_t block_step = 0;  // from one reached row to the next
  int reached = 0;           // channels that are reached at each place
  size_t size = 0;           // weights
  Divider by_places, by_width;
  std::vector<Row> rows;
  std::vector<Column> columns;
  std::vector<Run> runs;
  std::vector<Pattern> patterns;
  std::vector<Bits> masks;
  std::vector<int> group_of;  // by channel of `from`

  ConvLayout() = default;
  // `lane`, `row_blocks` of the grid `to`, see Layer. Going back, a run reaches the channels of all groups, most of
  // them through weights 0.
  ConvLayout(const Geometry& g, bool back, int lane, int row_blocks) {
    const auto row_taps = taps_of(g, 0, back), column_taps = taps_of(g, 1, back);
    channels = back ? g.outputs : g.channels;
    places = static_cast<int>(row_taps.size() * column_taps.size());
    width = static_cast<int>(column_taps.size());
    groups = back ? 1 : g.groups;
    reached = (back ? g.channels : g.outputs) / g.groups;
    by_places = Divider(places);
    by_width = Divider(width);
    const int per_run = (back ? g.channels : g.outputs) / groups;
    int entry_step = 0;
    for (const Taps& t : row_taps) {
      if (t.n > 1) {
        block_step = static_cast<ptrdiff_t>(t.place_step) * row_blocks;
        entry_step = t.entry_step;
      }
      rows.push_back({t.place * row_blocks, t.entry, t.n});
    }
    for (const Taps& t : column_taps) {
      columns.push_back({t.place * lane / BLOCK, pattern_of(t, t.place * lane % BLOCK, lane, per_run)});
    }
    for (Pattern& p : patterns) {
      p.weights = size;
      p.kernel_row = static_cast<size_t>(p.blocks) * BLOCK;
      p.channel_step = p.kernel_row * g.kernel[0];
      p.row_step = static_cast<ptrdiff_t>(p.kernel_row) * entry_step;
      size += channels * p.channel_step;
    }
    for (int c = 0; c < channels; c++) group_of.push_back(back ? 0 : c / g.per_group);
  }

  // What a neuron of `from` reaches: the first run, its weights and the number of rows.
  struct Walk {
    ptrdiff_t block, block_step, row_step;
    size_t weights;
    const Bits* masks;
    int rows, blocks, synapses;
  };
  Walk walk(int neuron) const {
    const int c = by_places(neuron), place = neuron - c * places, y = by_width(place);
    const Row& row = rows[y];
    const Column& column = columns[place - y * width];
    const Pattern& p = patterns[column.pattern];
    const Run& run = runs[groups == 1 ? column.pattern : column.pattern * groups + group_of[c]];
    return {row.block + column.block + run.first,
            block_step,
            p.row_step,
            p.weights + c * p.channel_step + row.entry * p.kernel_row,
            masks.data() + run.masks,
            row.n,
            run.n,
            row.n * p.n * reached};
  }
  bool reaches(int neuron) const { return walk(neuron).synapses > 0; }

  // Calls f(place among the weights, output, channel of its group, kernel row, kernel column) for each of them.
  template <class F>
  void each_weight(const Geometry& g, bool back, int lane, F f) const {
    const int outputs = g.outputs_per_group();
    for (size_t q = 0; q < patterns.size(); q++) {
      const Pattern& p = patterns[q];
      for (int a = 0; a < channels; a++) {
        const int group = a / (back ? outputs : g.per_group);
        const Run& run = runs[q * groups + group_of[a]];
        for (int k = 0; k < g.kernel[0]; k++) {
          const size_t row = p.weights + a * p.channel_step + k * p.kernel_row;
          for (int m = 0; m < p.n; m++) {
            for (int b = 0; b < reached; b++) {
              const int at = p.align + m * p.place_step * lane + group * reached + b - BLOCK * run.first;
              f(row + at, back ? a : group * outputs + b, back ? b : a % g.per_group, k, p.entry + m * p.entry_step);
            }
          }
        }
      }
    }
  }

 private:
  int pattern_of(const Taps& t, int align, int lane, int per_run) {
    for (size_t q = 0; q < patterns.size(); q++) {
      const Pattern& p = patterns[q];
      if (p.entry == t.entry && p.entry_step == t.entry_step && p.n == t.n && p.place_step == t.place_step &&
          p.align == align) {
        return static_cast<int>(q);
      }
    }
    Pattern p{t.entry, t.entry_step, t.n, t.place_step, align, 0, 0, 0, 0, 0};
    for (int group = 0; group < groups; group++) {
      const auto each_lane = [&](auto f) {
        for (int m = 0; m < t.n; m++) {
          for (int c = 0; c < per_run; c++) f(align + m * t.place_step * lane + group * per_run + c);
        }
      };
      int low = INT32_MAX, high = -1;
      each_lane([&](int at) {
        low = std::min(low, at / BLOCK);
        high = std::max(high, at / BLOCK);
      });
      const Run run{high < 0 ? 0 : low, high < 0 ? 0 : high - low + 1, static_cast<int32_t>(masks.size())};
      masks.resize(masks.size() + run.n);
      each_lane([&](int at) { masks[run.masks + at / BLOCK - low] |= static_cast<Bits>(1 << at % BLOCK); });
      p.blocks = std::max(p.blocks, run.n);
      runs.push_back(run);
    }
    patterns.push_back(p);
    return static_cast<int>(patterns.size()) - 1;
  }
};

}  // namespace lava_async
