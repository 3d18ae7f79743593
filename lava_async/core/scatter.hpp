// Spikes walk into layers whose input is gathered in memory: lists of synapses, convolutions, delays.
#pragma once
#include "group.hpp"
#include "synapses/conv.hpp"
#include "synapses/dense.hpp"
#include "synapses/sparse.hpp"

namespace lava_async {
namespace LAVA_ISA {

template <class M, class Real, bool TAPED, bool COUNTED>
class Scatter : protected Group<M, Real, TAPED, COUNTED> {
  using Base = Group<M, Real, TAPED, COUNTED>;
  using P = typename M::Payload;

 protected:
  using Base::Base;
  using Base::net, Base::p, Base::ws, Base::place;
  using typename Base::Num, typename Base::Spikes;

  // What arrives through the imaginary parts of the weights into a layer; it touches what the real parts touch.
  template <bool OPENING>
  void scatter_imaginary(int index) {
    if (net.layers[index].imaginary.empty()) return;
    std::swap(ws.arrivals, ws.imaginary);
    Tally none;
    for (const Bundle& bundle : net.layers[index].imaginary) scatter_bundle<OPENING>(bundle, none);
    std::swap(ws.arrivals, ws.imaginary);
  }
  void forget_imaginary() {
    Arrivals<Num>& a = ws.imaginary;
    for (int e = 0; e < a.n; e++) a.touched[a.blocks[e]] = 0;
    a.n = 0;
  }
  // Counts the synaptic operations that reach each neuron of a layer, if a synchronization threshold asks for them.
  template <bool OPENING>
  void receive_dense(int index) {
    if (!p.models.layers[index].sync) return;
    int32_t n = 0;
    for (const Bundle& bundle : net.layers[index].incoming)
      n += this->template spikes_of<OPENING>(net.parts[bundle.parts[0]]).n;
    const Layer& l = net.layers[index];
    for (size_t i = place(l.block); i < place(l.block + l.blocks); i++) ws.received[i] += n;
  }
  void receive(const Part& part, int row) {
    const Layer& to = net.layers[part.target];
    if (part.imaginary || !p.models.layers[part.target].sync) return;
    if (part.kind == Kind::DENSE) {
      for (size_t i = place(to.block); i < place(to.block + to.blocks); i++) ws.received[i]++;
    } else if (part.kind == Kind::SPARSE) {
      for (int64_t e = part.start[row]; e < part.start[row + 1]; e++) ws.received[part.reached[e]]++;
    } else {
      const ConvLayout::Walk w = part.there.walk(row);
      for (int r = 0; r < w.rows; r++) {
        for (int b = 0; b < w.blocks; b++) {
          const size_t i = place(static_cast<int>(to.block + w.block + r * w.block_step + b));
          for (Bits left = w.masks[b]; left; left &= left - 1) ws.received[i + __builtin_ctz(left)]++;
        }
      }
    }
  }

  template <bool OPENING>
  LAVA_INLINE void scatter_bundle(const Bundle& bundle, Tally& tally) {
    if (bundle.parts.size() > 1) {
      scatter_merged<OPENING>(bundle, tally);
      return;
    }
    const Part& part = net.parts[bundle.parts[0]];
    const Spikes s = this->template spikes_of<OPENING>(part);
    if (!OPENING && part.delays()) {
      scatter(part, s, tally, [&](int row) { return part.delay[row] == 0; });
    } else {
      scatter(part, s, tally, [](int) { return true; });
    }
  }

  template <class F>
  LAVA_INLINE void scatter(const Part& part, const Spikes& s, Tally& tally, F takes) {
    const Num* w = p.weights.get();
    int64_t walked = 0;
    if constexpr (M::ANY) {
      for (int e = 0; e < s.n; e++) {
        if (takes(s.row(e))) receive(part, s.row(e));
      }
    }
    const auto each = [&](auto one) {
      for (int e = 0; e < s.n; e++) {
        const int row = s.row(e);
        if (takes(row)) walked += one(row, static_cast<Num>(s.payload_of(e)));
      }
    };
    switch (part.kind) {
      case Kind::DENSE:
        each([&](int row, Num x) { return scatter_dense(net, part, w, row, x, ws.arrivals); });
        break;
      case Kind::SPARSE:
        each([&](int row, Num x) { return scatter_sparse(part, w, row, x, ws.arrivals); });
        break;
      case Kind::CONV:
        each([&](int row, Num x) { return scatter_conv(net, part, w, row, x, ws.arrivals); });
        break;
    }
    tally.operations += walked;
  }

  // Several parts between the same layers: spike by spike, so that sums keep the order of the sources.
  template <bool OPENING>
  void scatter_merged(const Bundle& bundle, Tally& tally) {
    struct Due {
      int row, part;
      P payload;
      bool operator<(const Due& b) const { return row != b.row ? row < b.row : part < b.part; }
    };
    std::vector<Due> due;
    for (int q : bundle.parts) {
      const Part& part = net.parts[q];
      const Spikes s = this->template spikes_of<OPENING>(part);
      for (int e = 0; e < s.n; e++) {
        if (OPENING || part.delay_of(s.row(e)) == 0) due.push_back({s.row(e), q, s.payload_of(e)});
      }
    }
    std::sort(due.begin(), due.end());
    for (const Due& d : due) {
      const int32_t id = d.row;
      scatter(net.parts[d.part], Spikes{&id, &d.payload, 1, 0}, tally, [](int) { return true; });
    }
  }
};

}  // namespace LAVA_ISA
}  // namespace lava_async
