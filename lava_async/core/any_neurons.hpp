// Neurons of any models, a block at a time: they open, integrate, are checked and fire (semantics, section 8), for
// Checker's part in networks of any models and for timed execution.
#pragma once
#include "neurons/models.hpp"
#include "run.hpp"
#include "workspace.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class Num>
class AnyNeurons {
 public:
  using Vec = Block<Num>;

  AnyNeurons(const Layout& net, const Numbers<Num>& p, const Rules& rules, Workspace<Num, Num>& ws)
      : net_(net), models_(p.models), rules_(rules), ws_(ws) {
    ws.make_any(net);
  }

  // Forgets what the last time step counted.
  void open_time_step() {
    if (models_.sync) ws_.received.fill(0);
    ws_.sent.fill(0);
  }
  // A sample begins: what the messages of each neuron are multiplied by in it, (N,), or nullptr.
  void take_factors(const Num* factor) {
    drops_ = factor != nullptr;
    for (int i = 0; drops_ && i < net_.n_neurons; i++) ws_.factor[net_.place_of[i]] = factor[i];
  }
  // A time step opens for a block.
  void open_and_keep(int index, int block) {
    visit_model<Num>(models_.layers[index].model, [&](auto model) {
      using M = decltype(model);
      Cells<Num> s;
      load_cells<M>(place(block), s);
      this->template open<M>(index, block, s);
      store_cells<M>(place(block), s);
    });
  }

  // What a check found, for the tape: momentum, by how much it exceeds the threshold, what the model keeps; neurons
  // that have fired or wait, and those that might have fired.
  struct Found {
    Vec momentum, excess, kept;
    Bits held, free;
  };

  // Integrates and checks a block. `may`: neurons that are looked at; FIRST: whether the time step opens; SEEN: whether
  // `found` is filled. Returns which fire; their payloads are in `leaving`.
  template <bool FIRST, bool SEEN = false>
  LAVA_INLINE Bits check(int index, int block, Vec arriving, Bits may, bool opened, bool keeps_momentum,
                         Found* found = nullptr) {
    Bits fires = 0;
    visit_model<Num>(models_.layers[index].model, [&](auto model) {
      fires = this->template check_of<decltype(model), FIRST, SEEN>(index, block, arriving, may, opened, keeps_momentum,
                                                                    found);
    });
    return fires;
  }

  // Semantics 3.4 and 8.0: spikes, payloads and refractory steps of those that fire, and which may fire again.
  LAVA_INLINE void count(int index, int block, Bits fires, uint64_t drop_hash) {
    const auto& x = models_.layers[index];
    ws_.fired[block] |= fires;
    for (Bits left = fires; left; left &= left - 1) {
      const int lane = __builtin_ctz(left), at = BLOCK * block + lane;
      const Bits bit = static_cast<Bits>(1 << lane);
      ws_.counts[at] += spikes(index, at);
      ws_.sent[at] += payload(at);
      if (x.waits) ws_.held[at] = models_.refractory_steps[at];
      const double q = rules_.refractory_dropout;
      const bool free = !rules_.refractory || (q > 0 && unit(fold(drop_hash, net_.neuron_at[at])) < q);
      ws_.free[block] = static_cast<Bits>(free ? ws_.free[block] | bit : ws_.free[block] & ~bit);
    }
  }
  bool graded(int index) const { return models_.layers[index].graded; }
  // The payload of a neuron that fires now.
  Num payload(int at) const { return drops_ ? ws_.leaving[at] * ws_.factor[at] : ws_.leaving[at]; }
  // An input payload without its bits below 1.
  Num without_fraction(Num payload) const {
    if constexpr (std::is_integral_v<Num>) payload >>= models_.payload_bits;
    return payload;
  }
  // How many spikes a neuron sends that fires now.
  int32_t spikes(int index, int at) const { return graded(index) ? 1 : static_cast<int32_t>(ws_.leaving[at]); }

  // States from (F, N) arrays and back.
  void take_state(const Num* fields, const int32_t* held) {
    for (int i = 0; i < net_.n_neurons; i++) {
      const int at = net_.place_of[i];
      for (int f = 0; f < MOST_FIELDS; f++) ws_.field[f][at] = fields[static_cast<size_t>(f) * net_.n_neurons + i];
      ws_.held[at] = held[i];
    }
    ws_.stuck = -1;
  }
  void give_state(Num* fields, int32_t* held) const {
    for (int i = 0; i < net_.n_neurons; i++) {
      const int at = net_.place_of[i];
      for (int f = 0; f < MOST_FIELDS; f++) fields[static_cast<size_t>(f) * net_.n_neurons + i] = ws_.field[f][at];
      held[i] = ws_.held[at];
    }
  }

 private:
  const Layout& net_;
  const ModelNumbers<Num>& models_;
  const Rules& rules_;
  Workspace<Num, Num>& ws_;
  bool drops_ = false;

  // What arrived without the bits of payloads that are below 1: toward zero, as slayer rounds it.
  LAVA_INLINE Vec without_fraction(Vec x) const {
    if constexpr (std::is_integral_v<Num>) {
      if (models_.payload_bits == 0) return x;
      const auto size = abs(x) >> models_.payload_bits, zeros = zero<Num>();
      return select(ge(x, zeros), size, zeros - size);
    }
    return x;
  }
  static size_t place(int block) { return static_cast<size_t>(block) * BLOCK; }
  template <class M>
  LAVA_INLINE void load_cells(size_t i, Cells<Num>& s) const {
    each_field<M>([&](auto f) { s.field[f] = load(&ws_.field[f][i]); });
  }
  template <class M>
  LAVA_INLINE void store_cells(size_t i, const Cells<Num>& s) {
    each_field<M>([&](auto f) { store(&ws_.field[f][i], s.field[f]); });
  }

  template <class M>
  LAVA_INLINE void open(int index, int block, Cells<Num>& s) {
    const size_t i = place(block);
    Bits waits = 0;
    if (models_.layers[index].waits) {
      const auto held = load(&ws_.held[i]), zeros = zero<int32_t>();
      waits = rules_.refractory ? bits(gt(held, zeros)) : Bits(0);
      store(&ws_.held[i], select(gt(held, zeros), held - splat(1), zeros));
    }
    ws_.waits_out[block] = waits;
    M::open({models_, i}, s, mask(waits));
  }

  template <class M, bool FIRST, bool SEEN>
  LAVA_INLINE Bits check_of(int index, int block, Vec arriving, Bits may, bool opened, bool keeps_momentum,
                            [[maybe_unused]] Found* found) {
    const size_t i = place(block);
    const BlockNumbers<Num> p{models_, i};
    Cells<Num> s;
    load_cells<M>(i, s);
    if (FIRST && !opened) open<M>(index, block, s);
    const Bits held =
        static_cast<Bits>(ws_.waits_out[block] | (FIRST ? Bits(0) : Bits(ws_.fired[block] & ~ws_.free[block])));
    Vec imaginary = zero<Num>();
    if constexpr (M::COMPLEX) imaginary = without_fraction(ws_.imaginary.take(block));
    [[maybe_unused]] const Cells<Num> before = s;
    M::integrate(p, s, without_fraction(arriving), imaginary, mask(held));
    if constexpr (!FIRST) {
      const Mask changes = mask(may);
      each_field<M>([&](auto f) { s.field[f] = select(changes, s.field[f], before.field[f]); });
    }
    Vec momentum;
    Bits over = bits(M::fires(p, s, momentum)), free = static_cast<Bits>(may & ~held), stuck = 0;
    if (models_.layers[index].sync) free &= bits(ge(load(&ws_.received[i]), load(&models_.sync_threshold[i])));
    over &= free;
    if (keeps_momentum) store(&ws_.momentum[i], momentum);
    [[maybe_unused]] const Cells<Num> checked = s;
    [[maybe_unused]] Vec threshold;
    if constexpr (SEEN && Differentiable<M>) threshold = M::threshold(p, s);
    if (over) store(&ws_.leaving[i], M::fire(p, s, mask(over), rules_.refractory, stuck));
    if constexpr (SEEN && Differentiable<M>) {
      *found = {momentum, momentum - threshold, M::kept(p, checked, s), held, free};
    }
    store_cells<M>(i, s);
    if (FIRST) ws_.fired[block] = ws_.free[block] = 0;
    if (stuck && ws_.stuck < 0) ws_.stuck = net_.neuron_at[i + __builtin_ctz(stuck)];
    return over;
  }
};

// How many spikes an input payload is: a positive integer counts them, any other number is one.
template <class Num>
LAVA_INLINE int32_t spikes_of(Num payload) {
  if constexpr (std::is_integral_v<Num>) {
    return payload > 0 ? static_cast<int32_t>(payload) : 1;
  } else {
    return payload > 0 && payload == std::floor(payload) ? static_cast<int32_t>(payload) : 1;
  }
}

}  // namespace LAVA_ISA
}  // namespace lava_async
