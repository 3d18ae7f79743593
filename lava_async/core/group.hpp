// What a forward step delivers: the group that was selected from the queue, or what a time step opens with.
#pragma once
#include <algorithm>

#include "any_checker.hpp"
#include "checker.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class M, class Real, bool TAPED, bool COUNTED>
using CheckerOf = std::conditional_t<M::ANY, AnyChecker<M, Real, TAPED, COUNTED>, Checker<M, Real, TAPED, COUNTED>>;

template <class M, class Real, bool TAPED, bool COUNTED>
class Group : protected CheckerOf<M, Real, TAPED, COUNTED> {
  using Base = CheckerOf<M, Real, TAPED, COUNTED>;
  using P = typename M::Payload;

 protected:
  using Base::Base;
  using Base::net, Base::rules, Base::ws, Base::k;
  using Spikes = SpikesOf<P>;

  Spikes input;  // of this time step

  int group_size() const { return group_size_; }
  // Takes the group that was selected from the queue; returns the largest payload.
  int take_group(int m) {
    int32_t* group = ws.queue.group.get();
    store_unaligned(group + m, splat(INT32_MAX));
    group_size_ = m;
    int32_t* begin = ws.begin.get();
    const int n_layers = net.n_layers();
    begin[0] = 0;
    for (int l = 0; l < n_layers; l++) {
      int before = 0;
      if (m <= 4 * BLOCK) {
        for (int a = 0; a < m; a += BLOCK) {
          before += __builtin_popcount(bits(gt(splat(ws.first[l + 1]), load(group + a))));
        }
      } else {
        before = static_cast<int>(std::lower_bound(group, group + m, ws.first[l + 1]) - group);
      }
      begin[l + 1] = before;
    }
    begin[n_layers + 1] = m;
    int largest = 1;
    group_is_ones_ = true;
    if constexpr (M::ANY) {
      for (int e = 0; e < m; e++) {
        const int source = group[e] + net.n_inputs;
        ws.delivered[e] = ws.payload[source];
        group_is_ones_ &= ws.delivered[e] == 1;
        ws.payload[source] = 0;
        ws.waiting[source] = 0;
      }
    } else if constexpr (COUNTED) {
      for (int e = 0; e < m; e++) {
        int32_t& waiting = ws.waiting[group[e] + net.n_inputs];
        ws.delivered[e] = waiting;
        group_is_ones_ &= waiting == 1;
        largest = std::max(largest, std::abs(waiting));
        waiting = 0;
      }
    }
    if constexpr (TAPED) this->write_group(group, m);
    return largest;
  }
  // What is delivered through a part: as a time step opens, the input, unless it queues, and delayed spikes; then those
  // of the group; with layers, what its source has emitted.
  template <bool OPENING>
  LAVA_INLINE Spikes spikes_of(const Part& part) {
    if (!OPENING) return group(part.source);
    const bool immediate = part.source == INPUT && rules.input_first;
    if (rules.layered) return ws.history.due(net, part, part.source >= k, true);
    if (part.delays()) return ws.history.due(net, part, 0, immediate);
    return immediate ? input : Spikes{};
  }
  // Those of the group that are of a layer.
  LAVA_INLINE Spikes group(int layer) const {
    const int begin = ws.begin[layer + 1];
    const P* payload = COUNTED && !group_is_ones_ ? ws.delivered.get() + begin : nullptr;
    return {ws.queue.group.get() + begin, payload, ws.begin[layer + 2] - begin,
            layer == INPUT ? -net.n_inputs : ws.first[layer + 1]};
  }

 private:
  int group_size_ = 0;
  bool group_is_ones_ = true;  // whether all its payloads are 1: nothing is multiplied then
};

}  // namespace LAVA_ISA
}  // namespace lava_async
