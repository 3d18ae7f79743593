// Spikes that are delivered, and those of earlier time steps that delays and feedback still need.
#pragma once
#include <algorithm>
#include <vector>

#include "layout.hpp"

namespace lava_async {

// Spikes of the neurons of one layer (or of input channels), ascending. P: the type of payloads, counts of spikes or
// numbers of the network's arithmetic.
template <class P>
struct SpikesOf {
  const int32_t* id = nullptr;
  const P* payload = nullptr;  // nullptr: all 1
  int n = 0;
  int first = 0;  // the number of the first source of the layer

  int row(int e) const { return id[e] - first; }
  P payload_of(int e) const { return payload ? payload[e] : P(1); }
};
using Spikes = SpikesOf<int32_t>;

// The spikes of one time step, layer by layer; input channels are layer -1, numbered from 0.
template <class P>
struct SpikeRowOf {
  Array<int32_t> id;
  Array<P> payload;
  std::vector<int> begin;  // of each layer, the input first, and the end

  void open(int n_layers) {
    begin.assign(n_layers + 2, 0);
    n_ = 0;
  }
  void add(int source, P sent) {
    id.reserve(n_ + 1);
    payload.reserve(n_ + 1);
    id[n_] = source;
    payload[n_++] = sent;
  }
  // Ends a layer; its spikes are sorted if they were added in the order of their places.
  void close(int layer, bool sorted) {
    const int first = begin[layer + 1];
    if (!sorted) {
      order_.clear();
      for (int e = first; e < n_; e++) order_.push_back({id[e], payload[e]});
      // Sources are all different.
      std::sort(order_.begin(), order_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      for (int e = first; e < n_; e++) {
        id[e] = order_[e - first].first;
        payload[e] = order_[e - first].second;
      }
    }
    for (size_t l = layer + 2; l < begin.size(); l++) begin[l] = n_;
  }
  SpikesOf<P> of(const Layout& net, int layer) const {
    const int first = begin[layer + 1], last = begin[layer + 2];
    return {id.get() + first, payload.get() + first, last - first, layer == INPUT ? 0 : net.layers[layer].first};
  }

 private:
  int n_ = 0;
  std::vector<std::pair<int, P>> order_;
};
using SpikeRow = SpikeRowOf<int32_t>;

// The last time steps, as far as delays and feedback reach.
template <class P>
class History {
 public:
  using Row = SpikeRowOf<P>;
  // `depth` time steps before the current one.
  void make(const Layout& net, int depth) {
    rows_.resize(depth + 1);
    for (Row& row : rows_) row.open(net.n_layers());
    now_ = 0;
  }
  // Takes what was sent in the time steps before: (n, N) spike counts and payloads of neurons, (n, C) payloads of input
  // channels.
  void begin(const Layout& net, const int32_t* counts, const P* sent, int n_counts, const P* inputs, int n_inputs) {
    for (int lag = depth(); lag > 0; lag--) {
      Row& row = advance(net);
      take(net, row, INPUT, inputs, inputs, n_inputs - lag, net.n_inputs);
      for (int l = 0; l < net.n_layers(); l++) take(net, row, l, counts, sent, n_counts - lag, net.n_neurons);
    }
  }
  int depth() const { return static_cast<int>(rows_.size()) - 1; }
  Row& advance(const Layout& net) {
    now_ = (now_ + 1) % rows_.size();
    rows_[now_].open(net.n_layers());
    return rows_[now_];
  }
  Row& current() { return rows_[now_]; }
  const Row& back(int lag) const { return rows_[(now_ + rows_.size() - lag) % rows_.size()]; }

  // What reaches part p now: of a source with delay d what it emitted max(d, feedback) time steps ago. Without
  // `immediate`, only what has a delay. The list is valid until the next call.
  SpikesOf<P> due(const Layout& net, const Part& p, int feedback, bool immediate) {
    if (!p.delays()) return immediate ? back(feedback).of(net, p.source) : SpikesOf<P>{};
    due_.clear();
    const int first = p.source == INPUT ? 0 : net.layers[p.source].first;
    for (int lag = immediate ? feedback : std::max(1, feedback); lag <= depth(); lag++) {
      const SpikesOf<P> found = back(lag).of(net, p.source);
      for (int e = 0; e < found.n; e++) {
        const int delay = p.delay[found.id[e] - first];
        if (std::max(delay, feedback) == lag && (delay > 0 || immediate))
          due_.push_back({found.id[e], found.payload[e]});
      }
    }
    // Each source once: its delay is one.
    std::sort(due_.begin(), due_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    const int n = static_cast<int>(due_.size());
    id_.reserve(n + 1);
    payload_.reserve(n + 1);
    for (int e = 0; e < n; e++) {
      id_[e] = due_[e].first;
      payload_[e] = due_[e].second;
    }
    return {id_.get(), payload_.get(), n, first};
  }

 private:
  template <class Count>
  static void take(const Layout& net, Row& to, int layer, const Count* counts, const P* sent, int row, int width) {
    const int first = layer == INPUT ? 0 : net.layers[layer].first;
    if (counts && row >= 0) {
      for (int j = first; j < first + net.n_source(layer); j++) {
        const size_t at = static_cast<size_t>(row) * width + j;
        if (counts[at] != 0) to.add(j, sent[at]);
      }
    }
    to.close(layer, true);
  }

  std::vector<Row> rows_{1};
  size_t now_ = 0;
  std::vector<std::pair<int, P>> due_;
  Array<int32_t> id_;
  Array<P> payload_;
};

}  // namespace lava_async
