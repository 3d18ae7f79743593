// The numbers of a network as its runs read them: weights and parameters of neurons, by place.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "layout.hpp"

namespace lava_async {

// Calls f(place among the weights, place of a target, weight of its set of synapses) for each synapse of a part;
// weights of a set are numbered as users give them: dense (post, pre), convolutions (outputs, channels, height, width),
// lists one by one. A convolution's weight comes once for each place where it lies.
template <class F>
void each_weight(const Layout& net, const Part& p, F f) {
  const Layer& to = net.layers[p.target];
  if (p.kind == Kind::CONV) {
    const Geometry& g = p.geometry;
    const int plane = g.out_height * g.out_width;
    p.there.each_weight(g, false, to.lane, [&](size_t at, int output, int channel, int row, int column) {
      f(p.weights + at, net.place_of[to.first + output * plane], g.weight(output, channel, row, column));
    });
  } else if (p.kind == Kind::SPARSE) {
    const int64_t n = p.start[p.n_source];
    for (int64_t e = 0; e < n; e++) {
      f(p.weights + e, p.reached[e], static_cast<size_t>(p.entry.size() ? p.entry[e] : p.first_entry + e));
    }
  } else {
    // In squares, since one of both orders goes against the grain of memory.
    for (int i0 = 0; i0 < p.n_target; i0 += BLOCK) {
      const int i1 = std::min(i0 + BLOCK, p.n_target);
      int at[BLOCK];
      for (int i = i0; i < i1; i++) at[i - i0] = to.place_in_layer(i);
      for (int j0 = 0; j0 < p.n_source; j0 += BLOCK) {
        const int j1 = std::min(j0 + BLOCK, p.n_source);
        for (int j = j0; j < j1; j++) {
          const size_t row = p.weights + j * p.stride;
          for (int i = i0; i < i1; i++) {
            f(row + at[i - i0], BLOCK * to.block + at[i - i0], static_cast<size_t>(i) * p.n_source + j);
          }
        }
      }
    }
  }
}

// The same for the weights that lie once more from the targets' side: f(place, weight).
template <class F>
void each_turned(const Layout& net, const Part& p, F f) {
  if (p.source == INPUT || p.kind == Kind::SPARSE) return;
  const Layer& from = net.layers[p.source];
  if (p.kind == Kind::CONV) {
    const Geometry& g = p.geometry;
    p.back.each_weight(g, true, from.lane, [&](size_t at, int output, int channel, int row, int column) {
      f(p.turned + at, g.weight(output, channel, row, column));
    });
    return;
  }
  const size_t stride = static_cast<size_t>(from.blocks) * BLOCK;
  for (int i = 0; i < p.n_target; i++) {
    for (int j = 0; j < p.n_source; j++) {
      f(p.turned + i * stride + from.place_in_layer(j), static_cast<size_t>(i) * p.n_source + j);
    }
  }
}

// What is the same for all neurons of a layer.
template <class Num>
struct LayerNumbers {
  bool current = false, bias = false;  // whether a neuron keeps current over time steps, or has a bias
  bool one_threshold = false;
  Num threshold = 0;
};

constexpr int MOST_FIELDS = 4, MOST_NUMBERS = 8;

// The same for networks of any models: which model each layer has, and the numbers of the neurons as it names them.
template <class Num>
struct ModelNumbers {
  struct OfLayer {
    int model = -1, n_fields = 0;
    bool graded = false, complex = false, waits = false, sync = false;
    bool keeps = false, keeps_always = false;  // whether a check keeps something for its derivative
    bool differentiable = false;
  };
  std::vector<OfLayer> layers;
  Array<Num> number[MOST_NUMBERS];                  // by place
  Array<int32_t> refractory_steps, sync_threshold;  // by place
  bool sync = false;                                // whether a layer has a synchronization threshold
  int payload_bits = 0;                             // of payloads, of integers, that are below 1
  double payload_fraction() const { return std::ldexp(1.0, -payload_bits); }
};

template <class Num>
struct Numbers {
  ModelNumbers<Num> models;
  Array<Num> weights;
  Array<Num> keep_u, keep_v, vth, bias;  // by place
  Array<Num> unit;                       // by place: what a weight of 1 adds to a neuron
  std::vector<LayerNumbers<Num>> layers;
  Array<Bits> may_fire_alone;  // by block: neurons that may fire without input
  // By place: the most that all its synapses bring, added up without sign. What it means is in `bounds`.
  Array<double> reach;
  double most_reach = 0, most_u = 0, most_v = 0, most_bias = 0;
  bool bounded = false;

  explicit Numbers(const Layout& net)
      : weights(net.n_weights + BLOCK),
        keep_u(net.n_places()),
        keep_v(net.n_places()),
        vth(net.n_places(), std::numeric_limits<Num>::max()),
        bias(net.n_places()),
        unit(net.n_places(), Num(1)),
        layers(net.layers.size()),
        may_fire_alone(net.n_blocks + 8),
        reach(net.n_places()) {}

  template <class T>
  void set_neurons(const Layout& net, const T* u, const T* v, const T* th, const T* b, double scale) {
    const auto number = [&](T x) { return static_cast<Num>(scale == 1 ? x : static_cast<T>(std::rint(x * scale))); };
    may_fire_alone.fill(0);
    for (int l = 0; l < net.n_layers(); l++) {
      const Layer& layer = net.layers[l];
      LayerNumbers<Num> x;
      x.one_threshold = true;
      x.threshold = layer.size ? number(th[layer.first]) : Num(0);
      for (int i = layer.first; i < layer.first + layer.size; i++) {
        const int at = net.place_of[i];
        keep_u[at] = number(u[i]);
        keep_v[at] = number(v[i]);
        vth[at] = number(th[i]);
        bias[at] = number(b[i]);
        x.one_threshold &= vth[at] == x.threshold;
        x.current |= keep_u[at] != 0;
        x.bias |= bias[at] != 0;
        if (keep_u[at] != 0 || bias[at] != 0) {
          may_fire_alone[at / BLOCK] |= static_cast<Bits>(1 << at % BLOCK);
        }
      }
      layers[l] = x;
    }
    bounded = false;
  }

  template <class T>
  void set_weights(const Layout& net, const Part& p, const T* values) {
    each_weight(net, p, [&](size_t at, int target, size_t weight) {
      weights[at] = static_cast<Num>(values[weight]) * unit[target];
    });
    bounded = false;
  }

  // How far states can go: what all synapses bring at most in one forward step, and current and voltage after many time
  // steps in which every source fires once. Bounds, not values.
  void bounds(const Layout& net) {
    if (bounded) return;
    reach.fill(0);
    for (const Part& p : net.parts) add_reach(net, p);
    most_reach = most_u = most_v = most_bias = 0;
    constexpr double ENDLESS = 1e300;
    const double one = std::is_integral_v<Num> ? 4096.0 : 1.0;
    for (size_t at = 0; at < net.n_places(); at++) {
      const double ku = static_cast<double>(keep_u[at]) / one, kv = static_cast<double>(keep_v[at]) / one;
      const double u = ku < 1 ? reach[at] / (1 - ku) : reach[at] > 0 ? ENDLESS : 0;
      const double constant = std::abs(static_cast<double>(bias[at])), inflow = u * ku + reach[at] + constant;
      most_bias = std::max(most_bias, constant);
      most_reach = std::max(most_reach, reach[at]);
      most_u = std::max(most_u, u);
      most_v = std::max(most_v, kv < 1 ? inflow / (1 - kv) : inflow > 0 ? ENDLESS : 0);
    }
    bounded = true;
  }

 private:
  void add_reach(const Layout& net, const Part& p) {
    const auto size_of = [&](size_t at) { return std::abs(static_cast<double>(weights[at])); };
    if (p.kind == Kind::DENSE) {
      double* to = &reach[static_cast<size_t>(net.layers[p.target].block) * BLOCK];
      for (size_t at = 0; at < p.n_weights; at += p.stride) {
        for (size_t i = 0; i < p.stride; i++) to[i] += size_of(p.weights + at + i);
      }
      return;
    }
    if (p.kind != Kind::CONV) {
      each_weight(net, p, [&](size_t at, int target, size_t) { reach[target] += size_of(at); });
      return;
    }
    // As inside the grid, where the whole kernel arrives.
    const Geometry& g = p.geometry;
    const Layer& to = net.layers[p.target];
    const int plane = g.out_height * g.out_width;
    std::vector<double> total(g.outputs);
    std::vector<char> seen(g.n_weights());
    p.there.each_weight(g, false, to.lane, [&](size_t at, int output, int channel, int row, int column) {
      char& known = seen[g.weight(output, channel, row, column)];
      if (!known) total[output] += size_of(p.weights + at);
      known = 1;
    });
    for (int i = 0; i < to.size; i++) reach[net.place_of[to.first + i]] += total[i / plane];
  }
};

}  // namespace lava_async
