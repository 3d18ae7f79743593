// The general backward pass of current-based neurons that reset to zero: semantics, section 6.
#pragma once
#include "general_backward.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class Real>
class CubaBackward : public GeneralBackward<CubaBackward<Real>, Real, int32_t> {
  using Base = GeneralBackward<CubaBackward<Real>, Real, int32_t>;
  friend Base;
  using Base::net, Base::rules, Base::rule, Base::tape, Base::w, Base::g, Base::s, Base::place;
  using Base::sample_, Base::held_;

 public:
  explicit CubaBackward(const Undone<Real>& of) : Base(of) {}

  void begin(const BackwardSample<Real>& sample, int first_wanted, int n_wanted) {
    s.gu.fill(0);
    s.gv.fill(0);
    this->begin_walk(sample, first_wanted, n_wanted, nullptr);
  }
  const Real* later(bool) const { return s.later.get(); }

 private:
  void undo_check(int, size_t entry, size_t i, Bits counts, Block<Real> got, int k) {
    const Check& check = tape.check[entry];
    const auto voltage = load(&tape.voltage[entry * BLOCK]);
    const Mask fires = mask(check.fired), checked = mask(check.checked);
    auto gv = load(&s.gv[i]);
    if (rule.differentiated) got = got - select(checked, gv * voltage, zero<Real>());
    const auto slope = select(mask(counts), got * slope_at(w, rule.surrogate, i, voltage), zero<Real>());
    store(&g.vth[i], load(&g.vth[i]) - slope);
    // With layers slayer's gradient ignores a constant reset.
    if (!rules.layered || rule.differentiated) gv = select(fires, zero<Real>(), gv);
    gv = gv + slope;
    store(&s.gv[i], gv);
    // Without a check: refractory; or, as the time step opens, not touched, and then what arrives, nothing, would reach
    // the voltage too.
    const auto reaching = k == 0 ? gv : select(checked, gv, zero<Real>());
    store(&s.arriving[i], load(&s.gu[i]) + reaching);
  }
  void undo_delivery(int index) { this->deliver_adjoint(index); }
  void undo_opening(size_t row) { this->leak_back(row); }
  Adjoint<Real> arriving(const Part&) const { return this->adjoint(s.arriving.get()); }
  void keep_arriving(int index) {
    const Layer& l = net.layers[index];
    for (int b = l.block; b < l.block + l.blocks; b++) {
      const size_t i = place(b);
      const auto gv = select(mask(held_[b]), zero<Real>(), load(&s.gv[i]));
      store(&s.later[i], load(&s.gu[i]) + gv);
    }
  }
  int input_payload(int64_t entry) const { return sample_.count ? sample_.count[entry] : 1; }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
