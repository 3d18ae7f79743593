// The geometry of a convolution, as lava_async/synapses/conv.py: source (C, H, W), target (C, H, W), kernel, stride,
// padding, dilation (height, width), groups.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lava_async {

constexpr int BLOCK = 16;  // lanes: neurons that are computed at a time
using Bits = uint16_t;     // one per lane of a block
constexpr Bits ALL_BITS = 0xffff;

struct Geometry {
  int channels = 0, height = 0, width = 0;
  int outputs = 0, out_height = 0, out_width = 0;
  int per_group = 1, kernel[2] = {0, 0}, stride[2] = {1, 1}, padding[2] = {0, 0}, dilation[2] = {1, 1}, groups = 1;

  int n_source() const { return channels * height * width; }
  int n_target() const { return outputs * out_height * out_width; }
  int outputs_per_group() const { return outputs / groups; }
  // Place of a weight in (outputs, channels per group, kernel height, kernel width).
  size_t weight(int output, int channel, int row, int column) const {
    return ((static_cast<size_t>(output) * per_group + channel) * kernel[0] + row) * kernel[1] + column;
  }
  size_t n_weights() const { return static_cast<size_t>(outputs) * per_group * kernel[0] * kernel[1]; }
  // Along an axis: the target that a source reaches through an entry of the kernel; -1: none.
  int target(int axis, int source, int entry) const {
    const int at = source + padding[axis] - dilation[axis] * entry, size = axis ? out_width : out_height;
    return at >= 0 && at % stride[axis] == 0 && at / stride[axis] < size ? at / stride[axis] : -1;
  }
};

// Along one axis, what a place reaches: n entries of the kernel and the places behind them, each in arithmetic order,
// places ascending.
struct Taps {
  int entry = 0, entry_step = 0, place = 0, place_step = 0, n = 0;
};

// The taps of all places of an axis: of sources, or, `back`, of targets.
inline std::vector<Taps> taps_of(const Geometry& g, int axis, bool back) {
  const int n_sources = axis ? g.width : g.height, n_targets = axis ? g.out_width : g.out_height;
  std::vector<Taps> found(back ? n_targets : n_sources);
  for (int source = 0; source < n_sources; source++) {
    for (int entry = g.kernel[axis] - 1; entry >= 0; entry--) {  // so that places ascend, in both directions
      const int target = g.target(axis, source, entry);
      if (target < 0) continue;
      Taps& t = found[back ? target : source];
      const int place = back ? source : target;
      if (t.n == 0) {
        t.entry = entry;
        t.place = place;
      } else if (t.n == 1) {
        t.entry_step = entry - t.entry;
        t.place_step = place - t.place;
      }
      t.n++;
    }
  }
  return found;
}

// Division of 32-bit numbers by a constant, as a multiplication.
class Divider {
 public:
  explicit Divider(int divisor = 1) : one_(divisor == 1), inverse_(one_ ? 0 : UINT64_MAX / divisor + 1) {}
  int operator()(int x) const {
    return one_ ? x : static_cast<int>((static_cast<unsigned __int128>(inverse_) * static_cast<uint64_t>(x)) >> 64);
  }

 private:
  bool one_;
  uint64_t inverse_;
};

}  // namespace lava_async
