// Variants of samples: events that move, scale and get lost, as lava_async/data/augmentation.py says.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "binding.hpp"
#include "draws.hpp"

using namespace nanobind::literals;

namespace lava_async {
namespace {

// What one sample draws: rotation and zoom, shift, stretch and delay of time, columns that are lost.
struct Move {
  double cos, sin, dy, dx, stretch, delay, lost_from, lost_to;
};
struct Hashes {
  uint64_t within, drop, jitter_y, jitter_x;
};
struct Options {
  bool within;
  double drop, jitter;
};

class Variant {
 public:
  Variant(int n_channels, int n_steps, int height, int width, Options options)
      : n_channels_(n_channels),
        n_steps_(n_steps),
        height_(height),
        width_(width),
        options_(options),
        seen_(static_cast<size_t>(n_channels) * n_steps) {}

  void event(const Move& m, const Hashes& h, int t, int channel, uint64_t number) {
    const int plane = channel / (height_ * width_), pixel = channel % (height_ * width_);
    const int row = pixel / width_, column = pixel % width_;
    const double middle_y = (height_ - 1) / 2.0, middle_x = (width_ - 1) / 2.0;
    double y = m.cos * (row - middle_y) + m.sin * (column - middle_x) + middle_y + m.dy;
    double x = m.cos * (column - middle_x) - m.sin * (row - middle_y) + middle_x + m.dx;
    const auto drawn = [&](uint64_t hash) { return unit(fold(hash, static_cast<int64_t>(number))); };
    if (options_.drop > 0 && drawn(h.drop) < options_.drop) return;
    if (m.lost_from <= column && column < m.lost_to) return;
    const double u = options_.within ? drawn(h.within) : 0.0;
    const double to_t = std::floor((t + u) * m.stretch + m.delay);
    if (options_.jitter > 0 && height_ > 1) y += (2 * drawn(h.jitter_y) - 1) * options_.jitter;
    if (options_.jitter > 0 && width_ > 1) x += (2 * drawn(h.jitter_x) - 1) * options_.jitter;
    // A sensor of one row has no vertical axis to leave along.
    const double i = height_ > 1 ? std::floor(y + 0.5) : 0, j = width_ > 1 ? std::floor(x + 0.5) : 0;
    // Asked so that numbers which are none are lost, too.
    if (!(to_t >= 0 && to_t < n_steps_ && i >= 0 && i < height_ && j >= 0 && j < width_)) return;
    const size_t to = (static_cast<size_t>(plane) * height_ + static_cast<size_t>(i)) * width_ + static_cast<size_t>(j);
    seen_[static_cast<size_t>(to_t) * n_channels_ + to]++;
  }
  // Appends what was seen, and forgets it.
  void list(std::vector<int32_t>& channel, std::vector<int32_t>& count, int64_t* start) {
    for (int t = 0; t < n_steps_; t++) {
      start[t] = static_cast<int64_t>(channel.size());
      for (int c = 0; c < n_channels_; c++) {
        int32_t& n = seen_[static_cast<size_t>(t) * n_channels_ + c];
        if (n == 0) continue;
        channel.push_back(c);
        count.push_back(n);
        n = 0;
      }
    }
    start[n_steps_] = static_cast<int64_t>(channel.size());
  }

 private:
  int n_channels_, n_steps_, height_, width_;
  Options options_;
  std::vector<int32_t> seen_;  // (T, C)
};

nb::tuple move_events(In<int32_t, nb::ndim<1>> channel, In<int32_t, nb::ndim<1>> count, In<int64_t, nb::ndim<2>> start,
                      int n_channels, int height, int width, In<double, nb::shape<-1, 8>> moves,
                      In<uint64_t, nb::ndim<2>> hashes, bool within, double drop, double jitter,
                      Out<int64_t, nb::ndim<2>> new_start) {
  if (start.shape(1) < 1) throw std::invalid_argument("start");
  const size_t n = start.shape(0), T = start.shape(1) - 1;
  const bool fits = moves.shape(0) == n && hashes.shape(0) == 4 && hashes.shape(1) == n && new_start.shape(0) == n &&
                    new_start.shape(1) == T + 1 && channel.shape(0) == count.shape(0) && height > 0 && width > 0 &&
                    n_channels > 0 && n_channels % (static_cast<int64_t>(height) * width) == 0;
  if (!fits) throw std::invalid_argument("shapes");
  std::vector<int32_t> channels, counts;
  {
    const nb::gil_scoped_release free;
    Variant variant(n_channels, static_cast<int>(T), height, width, {within, drop, jitter});
    for (size_t b = 0; b < n; b++) {
      const double* d = moves.data() + 8 * b;
      const Move m{d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]};
      const uint64_t* h = hashes.data();
      const Hashes hash{h[b], h[n + b], h[2 * n + b], h[3 * n + b]};
      const int64_t* begin = start.data() + b * (T + 1);
      uint64_t number = 0;
      for (size_t t = 0; t < T; t++) {
        for (int64_t e = begin[t]; e < begin[t + 1]; e++) {
          if (e < 0 || e >= static_cast<int64_t>(channel.shape(0)) || channel.data()[e] < 0 ||
              channel.data()[e] >= n_channels) {
            throw std::invalid_argument("channel");
          }
          for (int i = 0; i < count.data()[e]; i++) {
            variant.event(m, hash, static_cast<int>(t), channel.data()[e], ++number);
          }
        }
      }
      variant.list(channels, counts, new_start.data() + b * (T + 1));
    }
  }
  return nb::make_tuple(array_of(std::move(channels)), array_of(std::move(counts)));
}

}  // namespace

void bind_augment(nb::module_& m) {
  m.def("move_events", &move_events, "channel"_a.noconvert(), "count"_a.noconvert(), "start"_a.noconvert(),
        "n_channels"_a, "height"_a, "width"_a, "moves"_a.noconvert(), "hashes"_a.noconvert(), "within"_a, "drop"_a,
        "jitter"_a, "new_start"_a.noconvert());
}

}  // namespace lava_async
