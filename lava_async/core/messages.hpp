// Messages between cores, for timed execution: a heap for each core, or, in replays, a chain for each source.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lava_async {

// A spike of a source on its way to a core. Messages are numbered in the order in which they are sent.
struct Message {
  int64_t arrival;
  int source, number, core, payload;
  size_t reach;                             // which synapses it takes
  bool operator<(const Message& b) const {  // heaps of the standard library have the largest on top
    return arrival != b.arrival ? arrival > b.arrival : source != b.source ? source > b.source : number > b.number;
  }
};

class Messages {
 public:
  Messages(int n_cores, int n_sources, bool replaying)
      : heaps_(n_cores), chains_(replaying ? n_sources : 0), replaying_(replaying) {}

  int64_t waiting() const { return waiting_; }
  int64_t spikes() const { return spikes_; }  // payloads of those that wait
  void clear() {
    for (auto& heap : heaps_) heap.clear();
    for (auto& chain : chains_) chain.clear();
    waiting_ = spikes_ = sent_ = 0;
  }
  void send(int64_t arrival, int source, int core, int payload, size_t reach) {
    const Message m{arrival, source, sent_++, core, payload, reach};
    waiting_++;
    spikes_ += payload;
    if (replaying_) {
      chains_[source].push_back(m);
    } else {
      heaps_[core].push_back(m);
      std::push_heap(heaps_[core].begin(), heaps_[core].end());
    }
  }
  // Takes the message that is processed next: the lowest (start, core, arrival, source, number). `free`: when each core
  // is free.
  Message take(const std::vector<int64_t>& free) {
    int best = -1;
    int64_t earliest = 0;
    for (size_t c = 0; c < heaps_.size(); c++) {
      if (heaps_[c].empty()) continue;
      const int64_t start = std::max(heaps_[c].front().arrival, free[c]);
      if (best < 0 || start < earliest) {
        best = static_cast<int>(c);
        earliest = start;
      }
    }
    std::pop_heap(heaps_[best].begin(), heaps_[best].end());
    const Message m = heaps_[best].back();
    heaps_[best].pop_back();
    return taken(m);
  }
  // Takes the oldest message from a source to a core; false if there is none.
  bool take_recorded(int64_t source, int64_t core, Message& m) {
    if (source < 0) return false;
    auto& chain = chains_[source];
    const auto found = std::find_if(chain.begin(), chain.end(), [&](const Message& x) { return x.core == core; });
    if (found == chain.end()) return false;
    m = taken(*found);
    chain.erase(found);
    return true;
  }

 private:
  std::vector<std::vector<Message>> heaps_, chains_;
  bool replaying_;
  int64_t waiting_ = 0, spikes_ = 0;
  int sent_ = 0;

  Message taken(const Message& m) {
    waiting_--;
    spikes_ -= m.payload;
    return m;
  }
};

}  // namespace lava_async
