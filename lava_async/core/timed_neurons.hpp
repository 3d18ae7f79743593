// The neurons of timed execution: as in checker.hpp, but a message touches few of them, and all states are kept.
#pragma once
#include "neurons/cuba.hpp"
#include "neurons/loihi.hpp"
#include "run.hpp"
#include "timed_network.hpp"
#include "workspace.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class M>
class TimedNeurons {
 protected:
  using Num = typename M::Num;

  const Layout& net_;
  const Numbers<Num>& p_;
  Workspace<Num>& ws_;
  std::vector<int32_t> fired_;  // in this forward step

  TimedNeurons(const Layout& net, const Numbers<Num>& p, Workspace<Num>& ws) : net_(net), p_(p), ws_(ws) {}

  template <class S>
  void take_state(const S& s) {
    for (int i = 0; i < net_.n_neurons; i++) {
      ws_.u[net_.place_of[i]] = s.u[i];
      ws_.v[net_.place_of[i]] = s.v[i];
    }
  }
  template <class S>
  void give_state(S& s) const {
    for (int i = 0; i < net_.n_neurons; i++) {
      s.u[i] = ws_.u[net_.place_of[i]];
      s.v[i] = ws_.v[net_.place_of[i]];
    }
  }

  // Everyone leaks.
  void open_all() {
    for (int l = 0; l < net_.n_layers(); l++) {
      for (int b = net_.layers[l].block; b < net_.layers[l].block + net_.layers[l].blocks; b++) {
        const size_t i = static_cast<size_t>(b) * BLOCK;
        auto u = load(&ws_.u[i]), v = load(&ws_.v[i]);
        M::open(p_, p_.layers[l], i, u, v);
        store(&ws_.u[i], u);
        store(&ws_.v[i], v);
        ws_.fired[b] = ws_.free[b] = 0;
      }
    }
  }

  LAVA_INLINE void add(const TimedNetwork::Piece& piece, int payload) {
    const size_t i = static_cast<size_t>(piece.block) * BLOCK;
    Num* sum = &ws_.arrivals.sum[i];
    const Num* weight = &p_.weights[piece.weight];
    if (piece.single) {
      sum[__builtin_ctz(piece.lanes)] += static_cast<Num>(payload) * *weight;
    } else {
      const auto brought = splat(static_cast<Num>(payload)) * load_unaligned(weight);
      store(sum, load(sum) + select(mask(piece.lanes), brought, zero<Num>()));
    }
    ws_.arrivals.touch(piece.block, piece.lanes);
  }

  // Integrates and checks a block, and lists which neurons fire.
  void check(int block, Bits touched) {
    const size_t i = static_cast<size_t>(block) * BLOCK;
    const Bits held = static_cast<Bits>(ws_.fired[block] & ~ws_.free[block]);
    auto u = load(&ws_.u[i]), v = load(&ws_.v[i]);
    [[maybe_unused]] const auto u_before = u, v_before = v;
    M::integrate(u, v, ws_.arrivals.take(block), mask(held));
    if constexpr (!M::NOTHING_CHANGES_NOTHING) {
      u = select(mask(touched), u, u_before);
      v = select(mask(touched), v, v_before);
    }
    const Mask over = M::fires(v, load(&p_.vth[i]));
    store(&ws_.u[i], u);
    store(&ws_.v[i], select(over, zero<Num>(), v));
    for (Bits left = bits(over); left; left &= left - 1) fired_.push_back(net_.neuron_at[i + __builtin_ctz(left)]);
    ws_.fired[block] |= bits(over);
  }

  // Keeps what neurons emitted, for delays.
  void collect() {
    SpikeRow& now = ws_.history.current();
    for (int l = 0; l < net_.n_layers(); l++) {
      for (int i = net_.layers[l].first; i < net_.layers[l].first + net_.layers[l].size; i++) {
        if (ws_.counts[net_.place_of[i]] > 0) now.add(i, ws_.counts[net_.place_of[i]]);
      }
      now.close(l, true);
    }
  }
  void record_check(Record<Num>* r, int64_t t, int k) const {
    if (!r || !r->trace) return;
    r->check_t.push_back(t);
    r->check_k.push_back(k);
    for (int i = 0; i < net_.n_neurons; i++) {
      r->u.push_back(ws_.u[net_.place_of[i]]);
      r->v.push_back(ws_.v[net_.place_of[i]]);
    }
    r->fired.insert(r->fired.end(), fired_.begin(), fired_.end());
    r->n_fired.push_back(static_cast<int32_t>(fired_.size()));
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
