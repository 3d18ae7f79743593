// Messages between cores, for timed execution: a heap for each core, or, in replays, a chain for each source.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lava_async {

// A spike of a source on its way to a core. Messages are numbered in the order in which they are sent.
// P: the type of payloads, see SpikesOf.
template <class P>
struct Message {
  int64_t arrival;
  int source, number, core;
  P payload;
  int spikes;                               // how many it stands for
  size_t reach;                             // which synapses it takes
  int firing;                               // which firing of its source in this time step, from 0
  bool operator<(const Message& b) const {  // heaps of the standard library have the largest on top
    return arrival != b.arrival ? arrival > b.arrival : source != b.source ? source > b.source : number > b.number;
  }
};

// Which core can begin with a message first; of several the lowest. A tree of winners: what changes costs log(cores).
class Earliest {
 public:
  static constexpr int64_t NEVER = INT64_MAX;

  explicit Earliest(int n_cores) {
    while (leaves_ < n_cores) leaves_ *= 2;
    start_.assign(leaves_, NEVER);
    winner_.resize(2 * leaves_);
    clear();
  }
  void clear() {
    std::fill(start_.begin(), start_.end(), NEVER);
    for (int c = 0; c < leaves_; c++) winner_[leaves_ + c] = c;
    for (int i = leaves_ - 1; i > 0; i--) winner_[i] = winner_[2 * i];
  }
  int core() const { return winner_[1]; }
  void set(int core, int64_t start) {
    if (start_[core] == start) return;
    start_[core] = start;
    for (int i = (leaves_ + core) / 2; i > 0; i /= 2) {
      const int left = winner_[2 * i], right = winner_[2 * i + 1];
      winner_[i] = start_[right] < start_[left] ? right : left;
    }
  }

 private:
  int leaves_ = 1;
  std::vector<int64_t> start_;
  std::vector<int> winner_;
};

template <class P>
class Messages {
 public:
  Messages(int n_cores, int n_sources, bool replaying)
      : heaps_(n_cores),
        chains_(replaying ? n_sources : 0),
        free_(n_cores),
        earliest_(n_cores),
        replaying_(replaying) {}

  int64_t waiting() const { return waiting_; }
  int64_t spikes() const { return spikes_; }  // of those that wait
  void clear() {
    for (auto& heap : heaps_) heap.clear();
    for (auto& chain : chains_) chain.clear();
    std::fill(free_.begin(), free_.end(), 0);
    earliest_.clear();
    waiting_ = spikes_ = sent_ = 0;
  }
  void send(int64_t arrival, int source, int core, P payload, int spikes, size_t reach, int firing) {
    const Message<P> m{arrival, source, sent_++, core, payload, spikes, reach, firing};
    waiting_++;
    spikes_ += spikes;
    if (replaying_) {
      chains_[source].push_back(m);
    } else {
      heaps_[core].push_back(m);
      std::push_heap(heaps_[core].begin(), heaps_[core].end());
      rank(core);
    }
  }
  // When a core is free.
  int64_t free(int core) const { return free_[core]; }
  void set_free(int core, int64_t time) {
    free_[core] = time;
    rank(core);
  }
  // Takes the message that is processed next: the lowest (start, core, arrival, source, number).
  Message<P> take() {
    const int core = earliest_.core();
    std::pop_heap(heaps_[core].begin(), heaps_[core].end());
    const Message<P> m = heaps_[core].back();
    heaps_[core].pop_back();
    rank(core);
    return taken(m);
  }
  // Takes the oldest message from a source to a core; false if there is none.
  bool take_recorded(int64_t source, int64_t core, Message<P>& m) {
    if (source < 0) return false;
    auto& chain = chains_[source];
    const auto found = std::find_if(chain.begin(), chain.end(), [&](const Message<P>& x) { return x.core == core; });
    if (found == chain.end()) return false;
    m = taken(*found);
    chain.erase(found);
    return true;
  }

 private:
  std::vector<std::vector<Message<P>>> heaps_, chains_;
  std::vector<int64_t> free_;  // by core
  Earliest earliest_;
  bool replaying_;
  int64_t waiting_ = 0, spikes_ = 0;
  int sent_ = 0;

  void rank(int core) {
    const auto& heap = heaps_[core];
    earliest_.set(core, heap.empty() ? Earliest::NEVER : std::max(heap.front().arrival, free_[core]));
  }
  Message<P> taken(const Message<P>& m) {
    waiting_--;
    spikes_ -= m.spikes;
    return m;
  }
};

}  // namespace lava_async
