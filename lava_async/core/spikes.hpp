// Spikes that are delivered, and those of earlier time steps that delays and feedback still need.
#pragma once
#include <algorithm>
#include <vector>

#include "layout.hpp"

namespace lava_async {

// Spikes of the neurons of one layer (or of input channels), ascending.
struct Spikes {
  const int32_t* id = nullptr;
  const int32_t* payload = nullptr;  // nullptr: all 1
  int n = 0;
  int first = 0;  // the number of the first source of the layer

  int row(int e) const { return id[e] - first; }
  int payload_of(int e) const { return payload ? payload[e] : 1; }
};

// The spikes of one time step, layer by layer; input channels are layer -1, numbered from 0.
struct SpikeRow {
  Array<int32_t> id, payload;
  std::vector<int> begin;  // of each layer, the input first, and the end

  void open(int n_layers) {
    begin.assign(n_layers + 2, 0);
    n_ = 0;
  }
  void add(int source, int count) {
    id.reserve(n_ + 1);
    payload.reserve(n_ + 1);
    id[n_] = source;
    payload[n_++] = count;
  }
  // Ends a layer; its spikes are sorted if they were added in the order of their places.
  void close(int layer, bool sorted) {
    const int first = begin[layer + 1];
    if (!sorted) {
      order_.clear();
      for (int e = first; e < n_; e++) order_.push_back({id[e], payload[e]});
      std::sort(order_.begin(), order_.end());
      for (int e = first; e < n_; e++) {
        id[e] = order_[e - first].first;
        payload[e] = order_[e - first].second;
      }
    }
    for (size_t l = layer + 2; l < begin.size(); l++) begin[l] = n_;
  }
  Spikes of(const Layout& net, int layer) const {
    const int first = begin[layer + 1], last = begin[layer + 2];
    return {id.get() + first, payload.get() + first, last - first, layer == INPUT ? 0 : net.layers[layer].first};
  }

 private:
  int n_ = 0;
  std::vector<std::pair<int, int>> order_;
};

// The last time steps, as far as delays and feedback reach.
class History {
 public:
  // `depth` time steps before the current one.
  void make(const Layout& net, int depth) {
    rows_.resize(depth + 1);
    for (SpikeRow& row : rows_) row.open(net.n_layers());
    now_ = 0;
  }
  // Takes the spike counts of the time steps before: (n, N) of neurons, (n, C) of input channels.
  void begin(const Layout& net, const int32_t* counts, int n_counts, const int32_t* inputs, int n_inputs) {
    for (int lag = depth(); lag > 0; lag--) {
      SpikeRow& row = advance(net);
      take(net, row, INPUT, inputs, n_inputs - lag, net.n_inputs);
      for (int l = 0; l < net.n_layers(); l++) take(net, row, l, counts, n_counts - lag, net.n_neurons);
    }
  }
  int depth() const { return static_cast<int>(rows_.size()) - 1; }
  SpikeRow& advance(const Layout& net) {
    now_ = (now_ + 1) % rows_.size();
    rows_[now_].open(net.n_layers());
    return rows_[now_];
  }
  SpikeRow& current() { return rows_[now_]; }
  const SpikeRow& back(int lag) const { return rows_[(now_ + rows_.size() - lag) % rows_.size()]; }

  // What reaches part p now: of a source with delay d what it emitted max(d, feedback) time steps ago. Without
  // `immediate`, only what has a delay. The list is valid until the next call.
  Spikes due(const Layout& net, const Part& p, int feedback, bool immediate) {
    if (!p.delays()) return immediate ? back(feedback).of(net, p.source) : Spikes{};
    due_.clear();
    const int first = p.source == INPUT ? 0 : net.layers[p.source].first;
    for (int lag = immediate ? feedback : std::max(1, feedback); lag <= depth(); lag++) {
      const Spikes found = back(lag).of(net, p.source);
      for (int e = 0; e < found.n; e++) {
        const int delay = p.delay[found.id[e] - first];
        if (std::max(delay, feedback) == lag && (delay > 0 || immediate))
          due_.push_back({found.id[e], found.payload[e]});
      }
    }
    std::sort(due_.begin(), due_.end());
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
  static void take(const Layout& net, SpikeRow& to, int layer, const int32_t* counts, int row, int width) {
    const int first = layer == INPUT ? 0 : net.layers[layer].first;
    if (counts && row >= 0) {
      for (int j = first; j < first + net.n_source(layer); j++) {
        const int32_t count = counts[static_cast<size_t>(row) * width + j];
        if (count > 0) to.add(j, count);
      }
    }
    to.close(layer, true);
  }

  std::vector<SpikeRow> rows_{1};
  size_t now_ = 0;
  std::vector<std::pair<int, int>> due_;
  Array<int32_t> id_, payload_;
};

}  // namespace lava_async
