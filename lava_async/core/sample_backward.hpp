// What the backward passes share in which neurons may fire repeatedly: the sample, and the derivatives by what was
// sent.
#pragma once
#include "backward.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class Real, class P = int32_t>
class SampleBackward : public AdjointBase<Real, P> {
  using Base = AdjointBase<Real, P>;

 protected:
  using Base::net, Base::tape, Base::s, Base::fired;

  BackwardSample<Real> sample_;
  int t_ = 0;         // the time step that is undone
  Array<Bits> held_;  // by block: neurons that may not fire, as the time step goes back
  Array<Real> zero_;  // by place: what silent checks get from the delivery of their zero spikes

  explicit SampleBackward(const Undone<Real, P>& of) : Base(of), held_(net.n_blocks + 8), zero_(net.n_places()) {}

  // Begins with a sample; `unit`: what a unit of the derivative is in those by what was sent, by place, or nullptr.
  void begin_sample(const BackwardSample<Real>& sample, int first_wanted, int n_wanted, const Real* unit) {
    sample_ = sample;
    sent_.reserve(static_cast<size_t>(sample.n_steps) * net.n_places() + BLOCK);
    sent_.fill(0);
    for (int t = 0; t < sample.n_steps; t++) {
      for (int i = 0; i < n_wanted; i++) {
        const int at = net.place_of[first_wanted + i];
        const Real by = sample.derivative[static_cast<size_t>(t) * n_wanted + i];
        sent_at(t)[at] = unit ? by * unit[at] : by;
      }
    }
  }
  // Begins with a time step.
  void open_row(size_t row) {
    fired = &tape.fired[row * net.n_blocks];
    zero_.fill(0);
    for (int b = 0; b < net.n_blocks; b++) {
      held_[b] = tape.refractory[row * net.n_blocks + b];
      s.passed[b] = 0;
    }
  }
  // By what neurons sent in a time step, and by its input.
  Real* sent_at(int t) { return &sent_[static_cast<size_t>(t) * net.n_places()]; }
  Real* input_at(int t) const { return sample_.input + static_cast<size_t>(t) * net.n_inputs; }
  // Where on the tape a forward step begins.
  TapePlace begins(size_t step) const {
    if (step == sample_.place.step) return sample_.place;
    const Step& before = tape.step[step - 1];
    return {0, 0, before.group_end, before.check_end, before.touched_end};
  }
  size_t first_step(size_t row) const { return t_ ? tape.row_end[row - 1] : sample_.place.step; }

 private:
  Array<Real> sent_;  // (T, places)
};

}  // namespace LAVA_ISA
}  // namespace lava_async
