// How a network lies in memory: every layer begins with a block of 16 neurons of its own. A layer that convolutions
// reach or leave is a grid: channels last, each row of the grid beginning with a block.
//
// A neuron has a number, as users count, and a place: its block times 16 plus its lane.
#pragma once
#include <algorithm>
#include <vector>

#include "geometry.hpp"
#include "memory.hpp"
#include "synapses/conv_layout.hpp"

namespace lava_async {

constexpr int INPUT = -1;  // the "layer" of the input channels

enum class Kind { DENSE, SPARSE, CONV };

// Synapses from one layer to another. Weights of one source neuron are contiguous.
struct Part {
  int synapses = 0;  // which set of synapses of the network it belongs to
  int source = INPUT, target = 0;
  Kind kind = Kind::DENSE;
  int n_source = 0, n_target = 0;
  size_t weights = 0, n_weights = 0;  // where its weights lie, and how many there are (places of no synapse included)
  size_t turned = 0;                  // where they lie once more, from the targets' side (from neurons only)
  bool imaginary = false;             // whether these are the imaginary parts of the weights of another part, its twin
  int twin = -1;                      // that part, or the one that holds the imaginary parts of the weights of this one
  size_t stride = 0;                  // dense: from one source to the next, whole blocks
  Array<int32_t> delay;               // of each source, in time steps; empty: none
  Array<int64_t> start;               // sparse: synapses start[j] .. start[j + 1] - 1 belong to source j
  Array<int32_t> reached;             // sparse: the place of the target of each synapse
  Array<int32_t> entry;               // sparse: its weight among those of the set; empty: counted from first_entry
  int64_t first_entry = 0;
  Geometry geometry;
  ConvLayout there, back;  // convolutions: from source to target; from target to source, weights in `turned`

  int delay_of(int row) const { return delay.size() ? delay[row] : 0; }
  bool delays() const { return delay.size() > 0; }
};

// The parts from one source layer into one target layer.
struct Bundle {
  int source;
  std::vector<int> parts;
};

struct Layer {
  int first = 0, size = 0;                                            // its neurons
  int block = 0, blocks = 0;                                          // where it lies
  int channels = 0, height = 0, width = 0, lane = 0, row_blocks = 0;  // of a grid; lane: entries of one place of it
  std::vector<Bundle> incoming;                                       // by ascending source
  std::vector<Bundle> imaginary;                                      // the same of imaginary parts
  std::vector<int> outgoing;                                          // parts
  // Whether what arrives is gathered in memory, because not all of it is dense and without delay.
  bool scattered = false;
  bool delayed = false;  // whether an incoming part has delays
  bool outputs = false;  // whether a neuron is an output

  int place_in_layer(int i) const {
    if (channels == 0) return i;
    const int plane = height * width, c = i / plane, y = i / width % height, x = i % width;
    return BLOCK * y * row_blocks + x * lane + c;
  }
};

class Layout {
 public:
  int n_inputs = 0, n_neurons = 0, n_blocks = 0;
  std::vector<Layer> layers;
  std::vector<Part> parts;
  size_t n_weights = 0, n_turned = 0;
  int longest_delay = 0;
  bool has_delays = false, feedback = false;
  Array<int32_t> layer_of, place_of;  // by neuron
  Array<int32_t> neuron_at;           // by place
  std::vector<int> output_places;     // in the order of the outputs
  Array<int32_t> layer_of_block;
  Array<Bits> exists, output;  // by block
  // By block: its neurons are those of a phase plus `first_neuron`, so that few lines of memory tell all.
  Array<int32_t> first_neuron, phase;
  Array<int32_t> phases;
  // Sources that have a synapse without delay, or none at all: they wait in the queue. By block, and by channel.
  Array<Bits> queued;
  Array<uint8_t> queued_input;
  bool all_queued = true;

  Layout(int inputs, const std::vector<int>& sizes, const std::vector<int>& outputs,
         const std::vector<Geometry>& convolutions, const std::vector<std::pair<int, int>>& ends) {
    n_inputs = inputs;
    layers.resize(sizes.size());
    for (size_t l = 0; l < sizes.size(); l++) layers[l].size = sizes[l];
    for (size_t c = 0; c < convolutions.size(); c++) {
      const Geometry& g = convolutions[c];
      if (ends[c].first != INPUT) shape(ends[c].first, g.channels, g.height, g.width);
      shape(ends[c].second, g.outputs, g.out_height, g.out_width);
    }
    for (Layer& l : layers) {
      l.first = n_neurons;
      l.block = n_blocks;
      l.blocks = (l.size + BLOCK - 1) / BLOCK;
      if (l.channels) {
        // One or two channels lie tightly, more are rounded up, so that places begin at few different lanes.
        l.lane = l.channels <= 2 ? l.channels : (l.channels + 3) / 4 * 4;
        l.row_blocks = (l.width * l.lane + BLOCK - 1) / BLOCK;
        l.blocks = l.height * l.row_blocks;
      }
      n_neurons += l.size;
      n_blocks += l.blocks;
    }
    number(outputs);
    find_phases();
  }

  int n_layers() const { return static_cast<int>(layers.size()); }
  size_t n_places() const { return static_cast<size_t>(n_blocks) * BLOCK; }
  int n_source(int layer) const { return layer == INPUT ? n_inputs : layers[layer].size; }
  // Whether the grid of a layer is the one that a convolution wants.
  bool is_grid(int layer, int channels, int height, int width) const {
    const Layer& l = layers[layer];
    return l.channels == channels && l.height == height && l.width == width;
  }

  // Calls f(neuron, place) for each neuron; most places of a layer follow each other, as its neurons do.
  template <class F>
  void each_neuron(F f) const {
    for (const Layer& l : layers) {
      if (l.channels == 0) {
        for (int i = 0; i < l.size; i++) f(l.first + i, BLOCK * l.block + i);
      } else {
        for (int i = l.first; i < l.first + l.size; i++) f(i, place_of[i]);
      }
    }
  }

  Part& add(int synapses, int source, int target, Kind kind) {
    Part& p = parts.emplace_back();
    p.synapses = synapses;
    p.source = source;
    p.target = target;
    p.kind = kind;
    p.n_source = n_source(source);
    p.n_target = layers[target].size;
    return p;
  }
  // Gives a part its places among the weights.
  void place(Part& p) {
    const Layer& to = layers[p.target];
    if (p.kind == Kind::DENSE) {
      p.stride = static_cast<size_t>(to.blocks) * BLOCK;
      p.n_weights = p.n_source * p.stride;
    } else if (p.kind == Kind::CONV) {
      p.there = ConvLayout(p.geometry, false, to.lane, to.row_blocks);
      p.n_weights = p.there.size;
    } else {
      p.n_weights = (static_cast<size_t>(p.start[p.n_source]) + BLOCK - 1) / BLOCK * BLOCK;
    }
    p.weights = n_weights;
    n_weights += p.n_weights;
    if (p.source == INPUT || p.kind == Kind::SPARSE) return;
    const Layer& from = layers[p.source];
    p.turned = n_turned;
    if (p.kind == Kind::CONV) {
      p.back = ConvLayout(p.geometry, true, from.lane, from.row_blocks);
      n_turned += p.back.size;
    } else {
      n_turned += static_cast<size_t>(p.n_target) * from.blocks * BLOCK;
    }
  }

  // To be called when all parts are there, by ascending source and target.
  void connect() {
    queued = Array<Bits>(n_blocks + 8);
    queued_input = Array<uint8_t>(n_inputs + 1);
    Array<uint8_t> immediate(n_inputs + n_neurons + 1), any(n_inputs + n_neurons + 1);
    for (size_t q = 0; q < parts.size(); q++) {
      Part& p = parts[q];
      Layer& to = layers[p.target];
      if (p.imaginary) {
        if (to.imaginary.empty() || to.imaginary.back().source != p.source) to.imaginary.push_back({p.source, {}});
        to.imaginary.back().parts.push_back(static_cast<int>(q));
        to.scattered = true;
        continue;
      }
      if (to.incoming.empty() || to.incoming.back().source != p.source) to.incoming.push_back({p.source, {}});
      to.incoming.back().parts.push_back(static_cast<int>(q));
      if (p.source != INPUT) layers[p.source].outgoing.push_back(static_cast<int>(q));
      to.scattered |= p.kind != Kind::DENSE || p.delays() || to.incoming.back().parts.size() > 1;
      to.delayed |= p.delays();
      has_delays |= p.delays();
      feedback |= p.source >= p.target;
      const int first = p.source == INPUT ? 0 : n_inputs + layers[p.source].first;
      for (int row = 0; row < p.n_source; row++) {
        if (p.delays()) longest_delay = p.delay[row] > longest_delay ? p.delay[row] : longest_delay;
        if (!reaches(p, row)) continue;
        any[first + row] = 1;
        if (p.delay_of(row) == 0) immediate[first + row] = 1;
      }
    }
    for (int c = 0; c < n_inputs; c++) queued_input[c] = immediate[c] || !any[c];
    for (int i = 0; i < n_neurons; i++) {
      const bool waits = immediate[n_inputs + i] || !any[n_inputs + i];
      all_queued &= waits;
      if (waits) queued[place_of[i] / BLOCK] |= static_cast<Bits>(1 << place_of[i] % BLOCK);
    }
  }

 private:
  // Makes a layer a grid, unless it is one of another shape already: then the convolution becomes a list of synapses.
  void shape(int layer, int channels, int height, int width) {
    Layer& l = layers[layer];
    if (l.channels) return;
    l.channels = channels;
    l.height = height;
    l.width = width;
  }

  static bool reaches(const Part& p, int row) {
    if (p.kind == Kind::DENSE) return p.n_target > 0;
    if (p.kind == Kind::SPARSE) return p.start[row + 1] > p.start[row];
    return p.there.reaches(row);
  }

  void number(const std::vector<int>& outputs) {
    layer_of = Array<int32_t>(n_neurons + 1);
    place_of = Array<int32_t>(n_neurons + BLOCK);
    neuron_at = Array<int32_t>(n_places() + 8 * BLOCK);
    layer_of_block = Array<int32_t>(n_blocks + 1);
    exists = Array<Bits>(n_blocks + 8);
    output = Array<Bits>(n_blocks + 8);
    for (int l = 0; l < n_layers(); l++) {
      const Layer& layer = layers[l];
      for (int b = 0; b < layer.blocks; b++) layer_of_block[layer.block + b] = l;
      for (int i = 0; i < layer.size; i++) {
        const int at = BLOCK * layer.block + layer.place_in_layer(i);
        layer_of[layer.first + i] = l;
        place_of[layer.first + i] = at;
        neuron_at[at] = layer.first + i;
        exists[at / BLOCK] |= static_cast<Bits>(1 << at % BLOCK);
      }
    }
    for (int i : outputs) {
      output_places.push_back(place_of[i]);
      output[place_of[i] / BLOCK] |= static_cast<Bits>(1 << place_of[i] % BLOCK);
      layers[layer_of[i]].outputs = true;
    }
  }

  void find_phases() {
    first_neuron = Array<int32_t>(n_blocks + 8);
    phase = Array<int32_t>(n_blocks + 8);
    std::vector<int32_t> found;
    const auto add = [&](auto number_of) {
      const size_t at = found.size();
      for (int i = 0; i < BLOCK; i++) found.push_back(number_of(i));
      return static_cast<int32_t>(at);
    };
    add([](int i) { return i; });
    for (const Layer& l : layers) {
      std::vector<int32_t> by_channel(l.lane, -1);  // the phase of blocks that begin with a channel
      for (int b = 0; b < l.blocks; b++) {
        first_neuron[l.block + b] = l.first + b * BLOCK;
        if (l.channels == 0) continue;
        const int y = b / l.row_blocks, at = b % l.row_blocks * BLOCK, channel = at % l.lane;
        first_neuron[l.block + b] = l.first + y * l.width + at / l.lane;
        if (by_channel[channel] < 0) {
          by_channel[channel] =
              add([&](int i) { return (channel + i) / l.lane + (channel + i) % l.lane * l.height * l.width; });
        }
        phase[l.block + b] = by_channel[channel];
      }
    }
    phases.reserve(found.size());
    std::copy(found.begin(), found.end(), phases.get());
  }
};

}  // namespace lava_async
