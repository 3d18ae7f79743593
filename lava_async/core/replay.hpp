// Where a run is among the groups that `replay` was given.
#pragma once
#include "run.hpp"

namespace lava_async {

class ReplayCursor {
 public:
  explicit ReplayCursor(const Rules& rules) : groups_(rules.groups) {}

  void open_sample() { next_ = 0; }
  // Moves to the group of forward step k of time step t, or to the next one; returns whether none of this time step is
  // left, so that nothing more is delivered.
  bool is_over(int64_t t, int k) {
    const auto is_before = [&](const ReplayGroup& g) { return g.t < t || (g.t == t && g.k < k); };
    while (next_ < groups_.size() && is_before(groups_[next_])) next_++;
    return next_ == groups_.size() || groups_[next_].t != t;
  }
  // The group of forward step k; nullptr: none was recorded. is_over comes before.
  const ReplayGroup* group(int k) const { return groups_[next_].k == k ? &groups_[next_] : nullptr; }

 private:
  const std::vector<ReplayGroup>& groups_;
  size_t next_ = 0;
};

}  // namespace lava_async
