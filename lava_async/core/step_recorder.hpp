// What is recorded of a forward step if the user asks: its group, and with a trace the state of all neurons.
#pragma once
#include "deliver.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class M, class Real, bool TAPED, bool COUNTED>
class StepRecorder : protected Deliver<M, Real, TAPED, COUNTED> {
  using Base = Deliver<M, Real, TAPED, COUNTED>;

 protected:
  using Base::Base;
  using Base::net, Base::ws, Base::k;
  using typename Base::Num;

  void record_group(Record<Num>* r, int64_t t, int m) const {
    if (!r || !r->groups) return;
    r->group_t.push_back(t);
    r->group_k.push_back(k);
    r->group_size.push_back(m);
    r->ids.insert(r->ids.end(), ws.queue.group.get(), ws.queue.group.get() + m);
  }
  void record_check(Record<Num>* r, int64_t t) {
    if (!r || !r->trace) return;
    r->check_t.push_back(t);
    r->check_k.push_back(k);
    const size_t before = r->fired.size();
    if constexpr (M::ANY) {
      for (int f = 0; f < MOST_FIELDS; f++) {
        for (int i = 0; i < net.n_neurons; i++) r->fields.push_back(ws.field[f][net.place_of[i]]);
      }
    }
    for (int i = 0; i < net.n_neurons; i++) {
      if constexpr (!M::ANY) {
        r->u.push_back(ws.u[net.place_of[i]]);
        r->v.push_back(ws.v[net.place_of[i]]);
      }
      if (this->fired_now[net.place_of[i] / BLOCK] >> net.place_of[i] % BLOCK & 1) r->fired.push_back(i);
    }
    r->n_fired.push_back(static_cast<int32_t>(r->fired.size() - before));
    this->fired_now.fill(0);
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
