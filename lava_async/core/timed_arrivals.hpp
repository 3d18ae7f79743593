// What reaches neurons as a time step of timed execution opens: the input, unless it queues, and delayed spikes.
#pragma once
#include "timed_neurons.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class M>
class TimedArrivals : protected TimedNeurons<M> {
  using Base = TimedNeurons<M>;
  using P = typename M::Payload;

 protected:
  using Base::net_, Base::rules_, Base::ws_;

  const TimedNetwork& cores_;
  std::vector<int64_t> operations_, received_;  // by core: synaptic operations and messages as the time step opened

  TimedArrivals(const Layout& net, const Numbers<typename M::Num>& p, const Rules& rules,
                Workspace<typename M::Num, P>& ws, const Machine& machine, const TimedNetwork& cores)
      : Base(net, p, rules, ws), cores_(cores), operations_(machine.n_cores), received_(machine.n_cores) {}

  // Lets arrive what is due. Returns synapses walked.
  int64_t arrive_late() {
    int64_t walked = 0;
    // By ascending source, as sums are defined.
    for (int layer = INPUT; layer < net_.n_layers(); layer++) {
      std::vector<std::pair<int, std::pair<int, P>>> due;  // source, (delay, payload)
      for (int lag = 0; lag <= ws_.history.depth(); lag++) {
        if (lag == 0 && (layer != INPUT || !rules_.input_first)) continue;
        const SpikesOf<P> found = ws_.history.back(lag).of(net_, layer);
        for (int e = 0; e < found.n; e++) due.push_back({source_of(layer, found.id[e]), {lag, found.payload_of(e)}});
      }
      std::sort(due.begin(), due.end());
      for (size_t d = 0; d < due.size();) {
        // All delays of a source together: its synapses count in the order of the network.
        size_t end = d;
        while (end < due.size() && due[end].first == due[d].first) end++;
        walked += arrive(due[d].first, &due[d], &due[0] + end);
        d = end;
      }
    }
    return walked;
  }

 private:
  struct Late {
    const TimedNetwork::Piece* piece;
    P payload;
  };
  std::vector<Late> late_;

  int source_of(int layer, int id) const { return layer == INPUT ? id : id + net_.n_inputs; }

  // Delivers what is due of a source: its spikes through synapses of one delay or another.
  template <class Due>
  int64_t arrive(int source, const Due* begin, const Due* end) {
    int64_t walked = 0;
    late_.clear();
    for (const Due* d = begin; d < end; d++) {
      for (size_t r = cores_.begin[source]; r < cores_.begin[source + 1]; r++) {
        const TimedNetwork::Reach& reach = cores_.reaches[r];
        if (reach.delay != d->second.first) continue;
        received_[reach.core]++;
        operations_[reach.core] += reach.synapses;
        walked += reach.synapses;
        for (size_t e = reach.first; e < reach.last; e++) late_.push_back({&cores_.pieces[e], d->second.second});
      }
    }
    if (end - begin > 1) {  // weights lie in the order of the network's synapses
      std::sort(late_.begin(), late_.end(),
                [](const Late& a, const Late& b) { return a.piece->weight < b.piece->weight; });
    }
    for (const Late& late : late_) this->add(*late.piece, late.payload);
    return walked;
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
