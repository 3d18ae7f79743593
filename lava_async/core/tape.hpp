// What the forward pass saves for the backward pass.
#pragma once
#include "layout.hpp"
#include "numbers.hpp"
#include "spikes.hpp"

namespace lava_async {

// What the check of a block found. The peak is the highest voltage of a neuron at the checks of the time step before.
struct Check {
  Bits fired, at_peak, above_peak, checked;
};

// A forward step and where what belongs to it ends in the lists of the tape. k = -1: what was dropped.
struct Step {
  int32_t k;
  uint32_t group_end, check_end, touched_end;
  uint64_t layers;  // which of the first 64 were touched, a bit each
};

// Which layers a forward step touches, a bit each.
struct LayerSet {
  uint64_t first = 0;
  std::vector<uint64_t> more;  // of layers 64 and on

  explicit LayerSet(const Layout& net) : more((std::max(net.n_layers(), 1) - 1) / 64) {}
  void clear() {
    first = 0;
    std::fill(more.begin(), more.end(), 0);
  }
  void add(int layer) { (layer < 64 ? first : more[layer / 64 - 1]) |= 1ull << layer % 64; }
};

// Where the next sample begins, or where one begins.
struct TapePlace {
  size_t row = 0, step = 0, group = 0, check = 0, touched = 0;
};

// Of several samples, one after another; in units of the gradient. P: the type of payloads, see SpikesOf.
template <class Real, class P = int32_t>
struct Tape {
  Array<Step> step;
  Array<uint64_t> more_layers;  // (steps, n_more) which further layers a step touched, 64 in each
  int n_more = 0;
  Array<int32_t> source;          // groups that were delivered
  Array<int32_t> begin;           // (steps, L + 2) where those of each layer begin in the group, the input first
  Array<Check> check;             // opening: all blocks; then those of whole layers and the `touched` ones of others
  Array<int32_t> touched;         // blocks, in the order of their checks
  Array<Real> peak;               // (rows, places) highest voltage at a check
  Array<Bits> fired, refractory;  // (rows, blocks) at the end of each time step
  Array<size_t> row_end;          // (rows,) steps at the end of each time step
  // Of runs in which neurons fire repeatedly, or which are differentiated in other ways than the usual one:
  Array<P> payload;         // of the groups
  Array<int32_t> emission;  // forward step of the first emission, -1 of input
  // Of timed runs a group is one message; `emission` then numbers the firings of its source in the time step, from 0.
  Array<size_t> reach;                // which synapses a message takes (TimedNetwork)
  Array<Real> voltage;                // (checks, 16)
  Array<Real> open_u, open_v;         // (rows, places) states before each opening
  std::vector<SpikeRowOf<P>> spikes;  // (rows,) what neurons emitted
  // Of networks of any models, where `voltage` is by how much a neuron exceeds its threshold: what else the check of a
  // model needs to be undone (checks, 16), which neurons were held (checks,), which waited out their refractory steps
  // (rows, blocks), and all states before each opening, (rows, MOST_FIELDS, places).
  Array<Real> kept, open_fields;
  Array<Bits> held, waits_out;

  TapePlace at;
  std::vector<TapePlace> begins;  // of the samples
  double unit = 1;                // what one unit of the state is in units of the gradient
  bool states = false;            // whether states before each opening are kept
  bool keeps = false;             // whether `kept` is
  bool keeps_spikes = false;
  bool premature = false;  // whether premature spikes are looked for

  // The bits of layers 64 word .. 64 word + 63 that a step touched.
  uint64_t layers(size_t s, int word) const {
    return word == 0 ? step[s].layers : more_layers[s * static_cast<size_t>(n_more) + word - 1];
  }
  bool touches(size_t s, int layer) const { return layers(s, layer / 64) >> layer % 64 & 1; }

  void clear(const Layout& net, size_t n_rows, bool any_model) {
    const size_t n_blocks = net.n_blocks;
    n_more = static_cast<int>(LayerSet(net).more.size());
    at = TapePlace{};
    begins.clear();
    if (any_model) {
      waits_out.reserve(n_rows * n_blocks);
      if (states) open_fields.reserve(n_rows * MOST_FIELDS * n_blocks * BLOCK);
    } else {
      peak.reserve(n_rows * n_blocks * BLOCK);
      if (states) {
        open_u.reserve(n_rows * n_blocks * BLOCK);
        open_v.reserve(n_rows * n_blocks * BLOCK);
      }
    }
    fired.reserve(n_rows * n_blocks);
    refractory.reserve(n_rows * n_blocks);
    row_end.reserve(n_rows);
    if (keeps_spikes && spikes.size() < n_rows) spikes.resize(n_rows);
  }
};

}  // namespace lava_async
