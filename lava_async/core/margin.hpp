// Semantics, section 5, `Margin`: a sample ends when its best output leads the second one by enough spikes.
#pragma once
#include <algorithm>

#include "layout.hpp"
#include "run.hpp"

namespace lava_async {

class Decision {
 public:
  Decision(const Layout& net, const Rules& rules) : net_(net), margin_(rules.margin) {}

  // Begins a sample, or goes on with one; nullptr: nobody wants to know.
  void open(int32_t* totals, int32_t* decided) {
    totals_ = totals;
    decided_ = decided;
  }
  bool is_made() const { return wanted() && *decided_ > 0; }
  // Whether the margin is reached, with the spikes that outputs have emitted in this time step: count_at(place).
  template <class F>
  bool leads(F count_at) const {
    if (!wanted()) return false;
    int best = 0, second = 0;
    for (size_t o = 0; o < net_.output_places.size(); o++) {
      const int count = totals_[o] + count_at(net_.output_places[o]);
      second = std::max(second, std::min(best, count));
      best = std::max(best, count);
    }
    return best - second >= margin_;
  }
  // Ends time step t.
  template <class F>
  void close(int64_t t, F count_at) {
    if (!wanted()) return;
    if (leads(count_at)) *decided_ = static_cast<int32_t>(t + 1);
    for (size_t o = 0; o < net_.output_places.size(); o++) totals_[o] += count_at(net_.output_places[o]);
  }

 private:
  const Layout& net_;
  const int margin_;
  int32_t *totals_ = nullptr, *decided_ = nullptr;

  bool wanted() const { return margin_ > 0 && decided_; }
};

}  // namespace lava_async
