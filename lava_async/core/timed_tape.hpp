// What a timed run saves for the backward pass: a forward step is one message, and its checks.
#pragma once
#include "messages.hpp"
#include "tape_writer.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class M, class Real>
class TimedTape : TapeWriter<M, Real, true, true> {
  using Base = TapeWriter<M, Real, true, true>;
  using Base::net, Base::ws, Base::tape, Base::k;
  using typename Base::Vec;

 public:
  using Base::close_row, Base::write_states, Base::write_premature;
  TimedTape(const Layout& net, const Numbers<typename M::Num>& p, const Rules& rules,
            Workspace<typename M::Num, typename M::Payload>& ws, Tape<Real, typename M::Payload>* tape)
      : Base(net, p, rules, ws, tape) {}

  void open_sample() { tape->begins.push_back(tape->at); }

  // Before the checks of a forward step: of whole layers (k = 0), or of the blocks that a message touched.
  void open_step(int step) {
    k = step;
    this->touched_layers.clear();
    tape->check.reserve(tape->at.check + net.n_blocks);
    tape->touched.reserve(tape->at.touched + net.n_blocks);
  }
  void touch(int block) { this->touched_layers.add(net.layer_of_block[block]); }
  template <bool OPENING>
  LAVA_INLINE void check(int block, Vec u, Vec v, Bits fires, Bits held, Bits touched) {
    if constexpr (OPENING) {
      this->write_offset(block, u, v);
    } else {
      touch(block);
      tape->touched[tape->at.touched++] = block;
    }
    this->template write_check<OPENING>(block, v, fires, held, touched);
  }
  void close_opening() { this->close_step(0); }
  template <class P>
  void close_message(const Message<P>& m) {
    tape->reach.reserve(tape->at.group + 1);
    tape->reach[tape->at.group] = m.reach;
    this->write_member(m.source - net.n_inputs, static_cast<int>(m.payload), m.firing);
    this->close_step(0);
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
