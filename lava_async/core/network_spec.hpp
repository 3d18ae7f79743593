// A network as Python describes it, set by set of synapses, before it is laid out.
#pragma once
#include "binding.hpp"
#include "layout.hpp"

#include <optional>

namespace lava_async {

// A set of synapses.
struct PartSpec {
  int synapses, source, target;
  Kind kind;
  Geometry geometry;
  std::vector<int32_t> delay;
  std::vector<int32_t> pre, post, each_delay, entry;  // lists
  int64_t n_weights = 0;
  int twin = -1;  // the set whose weights these are the imaginary parts of
};

class NetworkSpec {
 public:
  NetworkSpec(int n_inputs, std::vector<int> sizes, std::vector<int> outputs)
      : n_inputs_(n_inputs), sizes_(std::move(sizes)), outputs_(std::move(outputs)) {
    require(n_inputs >= 0, "n_inputs");
    int64_t n = 0;
    for (int size : sizes_) {
      require(size > 0, "layer size");
      n += size;
    }
    require(n + n_inputs < (1ll << 30), "number of neurons");
    for (int i : outputs_) require(i >= 0 && i < n, "outputs");
  }

  void add_dense(int source, int target, std::optional<In<int32_t, nb::ndim<1>>> delay) {
    PartSpec p = part(source, target, Kind::DENSE);
    set_delay(p, delay);
    specs_.push_back(std::move(p));
  }
  void add_conv(int source, int target, const std::vector<int>& g, std::optional<In<int32_t, nb::ndim<1>>> delay) {
    require(g.size() == 16, "geometry");
    for (int x : g) require(x >= 0, "geometry");
    PartSpec p = part(source, target, Kind::CONV);
    p.geometry = {g[0], g[1],         g[2],          g[3],           g[4],           g[5],
                  g[6], {g[7], g[8]}, {g[9], g[10]}, {g[11], g[12]}, {g[13], g[14]}, g[15]};
    require(p.geometry.n_source() == n_source(source) && p.geometry.n_target() == sizes_[target], "geometry");
    require(p.geometry.stride[0] > 0 && p.geometry.stride[1] > 0 && p.geometry.groups > 0, "geometry");
    require(p.geometry.per_group * p.geometry.groups == p.geometry.channels, "geometry");
    require(p.geometry.outputs % p.geometry.groups == 0, "geometry");
    set_delay(p, delay);
    specs_.push_back(std::move(p));
  }
  void add_sparse(int source, int target, In<int32_t, nb::ndim<1>> pre, In<int32_t, nb::ndim<1>> post,
                  std::optional<In<int32_t, nb::ndim<1>>> delay, std::optional<In<int32_t, nb::ndim<1>>> entry,
                  int64_t n_weights) {
    PartSpec p = part(source, target, Kind::SPARSE);
    const size_t n = pre.shape(0);
    require(post.shape(0) == n && (!delay || delay->shape(0) == n), "sparse shapes");
    require(entry ? entry->shape(0) == n : n_weights == static_cast<int64_t>(n), "entry");
    for (size_t e = 0; e < n; e++) {
      require(pre.data()[e] >= 0 && pre.data()[e] < n_source(source), "pre");
      require(post.data()[e] >= 0 && post.data()[e] < sizes_[target], "post");
      require(e == 0 || pre.data()[e - 1] <= pre.data()[e], "pre: sorted");
      if (delay) require(delay->data()[e] >= 0, "delay");
      if (entry) require(entry->data()[e] >= 0 && entry->data()[e] < n_weights, "entry");
    }
    p.n_weights = n_weights;
    if (entry) p.entry.assign(entry->data(), entry->data() + n);
    p.pre.assign(pre.data(), pre.data() + n);
    p.post.assign(post.data(), post.data() + n);
    if (delay) p.each_delay.assign(delay->data(), delay->data() + n);
    specs_.push_back(std::move(p));
  }

  // Gives a set complex weights: their imaginary parts are those of a new set, which comes last.
  void add_imaginary(int synapses) {
    require(synapses >= 0 && synapses < static_cast<int>(specs_.size()), "synapses");
    PartSpec p = specs_[synapses];
    p.synapses = static_cast<int>(specs_.size());
    p.twin = synapses;
    specs_.push_back(std::move(p));
  }

  std::shared_ptr<const Layout> lay_out() const {
    std::vector<Geometry> convolutions;
    std::vector<std::pair<int, int>> ends;
    for (const PartSpec& s : specs_) {
      if (s.kind != Kind::CONV) continue;
      convolutions.push_back(s.geometry);
      ends.push_back({s.source, s.target});
    }
    auto net = std::make_shared<Layout>(n_inputs_, sizes_, outputs_, convolutions, ends);
    for (const PartSpec& s : specs_) {
      const size_t first = net->parts.size();
      add_parts(*net, s);
      if (s.twin < 0) continue;
      // Parts of both sets follow one another alike.
      size_t real = 0;
      while (net->parts[real].synapses != s.twin) real++;
      for (size_t q = first; q < net->parts.size(); q++, real++) {
        net->parts[q].imaginary = true;
        net->parts[q].twin = static_cast<int>(real);
        net->parts[real].twin = static_cast<int>(q);
      }
    }
    net->connect();
    return net;
  }
  std::vector<int64_t> n_weights() const {
    std::vector<int64_t> found;
    for (const PartSpec& s : specs_) {
      found.push_back(s.kind == Kind::DENSE  ? static_cast<int64_t>(n_source(s.source)) * sizes_[s.target]
                      : s.kind == Kind::CONV ? static_cast<int64_t>(s.geometry.n_weights())
                                             : s.n_weights);
    }
    return found;
  }
  int n_inputs() const { return n_inputs_; }
  int n_outputs() const { return static_cast<int>(outputs_.size()); }
  const std::vector<int>& sizes() const { return sizes_; }
  int n_neurons() const {
    int n = 0;
    for (int size : sizes_) n += size;
    return n;
  }

 private:
  int n_inputs_;
  std::vector<int> sizes_, outputs_;
  std::vector<PartSpec> specs_;

  int n_source(int layer) const { return layer == INPUT ? n_inputs_ : sizes_[layer]; }
  // A set of synapses, to be appended once all of it is checked.
  PartSpec part(int source, int target, Kind kind) const {
    const int n_layers = static_cast<int>(sizes_.size());
    require(source >= INPUT && source < n_layers && target >= 0 && target < n_layers, "layer");
    return {static_cast<int>(specs_.size()), source, target, kind, {}, {}, {}, {}, {}, {}, 0, -1};
  }
  void set_delay(PartSpec& p, const std::optional<In<int32_t, nb::ndim<1>>>& delay) const {
    if (!delay) return;
    require(delay->shape(0) == static_cast<size_t>(n_source(p.source)), "delay");
    for (size_t j = 0; j < delay->shape(0); j++) require(delay->data()[j] >= 0, "delay");
    p.delay.assign(delay->data(), delay->data() + delay->shape(0));
  }
  static void take_delay(Part& p, const std::vector<int32_t>& delay) {
    if (delay.empty()) return;
    p.delay.reserve(delay.size());
    std::copy(delay.begin(), delay.end(), p.delay.get());
  }

  static void add_parts(Layout& net, const PartSpec& s) {
    if (s.kind == Kind::DENSE) {
      Part& p = net.add(s.synapses, s.source, s.target, s.kind);
      take_delay(p, s.delay);
      net.place(p);
    } else if (s.kind == Kind::CONV) {
      const Geometry& g = s.geometry;
      const bool grids = net.is_grid(s.target, g.outputs, g.out_height, g.out_width) &&
                         (s.source == INPUT || net.is_grid(s.source, g.channels, g.height, g.width));
      Part& p = net.add(s.synapses, s.source, s.target, grids ? Kind::CONV : Kind::SPARSE);
      p.geometry = g;
      take_delay(p, s.delay);
      if (!grids) expand(net, p);
      net.place(p);
    } else {
      add_lists(net, s);
    }
  }
  // A convolution between layers of which one is a grid of another shape already, as a list of synapses.
  static void expand(const Layout& net, Part& p) {
    const Geometry& g = p.geometry;
    std::vector<int32_t> reached, entry;
    p.start = Array<int64_t>(p.n_source + 1);
    for (int row = 0; row < p.n_source; row++) {
      const int c = row / (g.height * g.width), y = row / g.width % g.height, x = row % g.width;
      for (int o = 0; o < g.outputs; o++) {
        if (o / g.outputs_per_group() != c / g.per_group) continue;
        for (int k = 0; k < g.kernel[0]; k++) {
          for (int m = 0; m < g.kernel[1]; m++) {
            const int ty = g.target(0, y, k), tx = g.target(1, x, m);
            if (ty < 0 || tx < 0) continue;
            reached.push_back(net.place_of[net.layers[p.target].first + (o * g.out_height + ty) * g.out_width + tx]);
            entry.push_back(static_cast<int32_t>(g.weight(o, c % g.per_group, k, m)));
          }
        }
      }
      p.start[row + 1] = static_cast<int64_t>(reached.size());
    }
    p.reached.reserve(reached.size() + 1);
    p.entry.reserve(entry.size() + 1);
    std::copy(reached.begin(), reached.end(), p.reached.get());
    std::copy(entry.begin(), entry.end(), p.entry.get());
  }
  // Synapses with different delays are different parts.
  static void add_lists(Layout& net, const PartSpec& s) {
    std::vector<int32_t> delays = s.each_delay;
    std::sort(delays.begin(), delays.end());
    delays.erase(std::unique(delays.begin(), delays.end()), delays.end());
    if (delays.empty()) delays.push_back(0);
    const size_t n = s.pre.size();
    for (int32_t delay : delays) {
      Part& p = net.add(s.synapses, s.source, s.target, Kind::SPARSE);
      const auto belongs = [&](size_t e) { return s.each_delay.empty() || s.each_delay[e] == delay; };
      size_t count = 0;
      for (size_t e = 0; e < n; e++) count += belongs(e);
      if (delay > 0) p.delay = Array<int32_t>(p.n_source + 1, delay);
      p.start = Array<int64_t>(p.n_source + 1);
      p.reached.reserve(count + 1);
      const bool has_entries = delays.size() > 1 || !s.entry.empty();
      if (has_entries) p.entry.reserve(count + 1);
      const int first = net.layers[s.target].first;
      size_t at = 0;
      for (size_t e = 0; e < n; e++) {
        if (!belongs(e)) continue;
        p.reached[at] = net.place_of[first + s.post[e]];
        if (has_entries) p.entry[at] = s.entry.empty() ? static_cast<int32_t>(e) : s.entry[e];
        p.start[s.pre[e] + 1] = static_cast<int64_t>(++at);
      }
      for (int j = 0; j < p.n_source; j++) p.start[j + 1] = std::max(p.start[j + 1], p.start[j]);
      net.place(p);
    }
  }
};

}  // namespace lava_async
