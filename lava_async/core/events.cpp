// Spikes out of dense arrays of counts, in one pass over memory, which is most of what it costs.
#include "binding.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include "threads.hpp"

using namespace nanobind::literals;

namespace lava_async {
namespace {

constexpr int64_t MAX_PAYLOAD = (1 << 24) - 1;

using Dense = nb::ndarray<nb::ro, nb::numpy, nb::c_contig, nb::device::cpu>;

// The bits of which entries of a line of memory are not 0; without a branch, since where spikes are cannot be
// predicted.
template <class T>
uint64_t spikes_of(const T* line, const uint64_t (&words)[8]) {
  uint64_t found = 0;
  if constexpr (sizeof(T) == 1) {
    static_assert(std::endian::native == std::endian::little);
    constexpr uint64_t LOW_BITS = 0x7f7f7f7f7f7f7f7f, LAST_BITS = ~LOW_BITS, GATHER = 0x0102040810204080;
    for (int w = 0; w < 8; w++) {
      // The last bit of each byte that is not 0; a product moves the eight of them side by side to the top.
      const uint64_t last = (((words[w] & LOW_BITS) + LOW_BITS) | words[w]) & LAST_BITS;
      found |= ((last >> 7) * GATHER >> 56) << 8 * w;
    }
  } else {
    for (size_t e = 0; e < 64 / sizeof(T); e++) found |= static_cast<uint64_t>(line[e] != 0) << e;
  }
  return found;
}

// Calls f(place) for each entry that is not 0, by ascending place; by lines of memory, most of which hold none.
template <class T, class F>
void each_spike(const T* dense, size_t n, F f) {
  constexpr size_t LINE = 64 / sizeof(T), AHEAD = 16 * LINE;
  size_t begin = 0;
  for (; begin + LINE <= n; begin += LINE) {
    __builtin_prefetch(dense + begin + AHEAD);  // The processor itself stops at the end of a page.
    uint64_t words[8], any = 0;
    std::memcpy(words, dense + begin, sizeof words);
    for (uint64_t word : words) any |= word;
    if (!any) continue;
    for (uint64_t left = spikes_of(dense + begin, words); left; left &= left - 1) f(begin + std::countr_zero(left));
  }
  for (; begin < n; begin++) {
    if (dense[begin] != 0) f(begin);
  }
}

// A count as an integer; false if it is none.
template <class T>
bool is_count(T x, int32_t& count) {
  if (!(x >= 0 && x <= static_cast<T>(static_cast<double>(std::is_same_v<T, uint8_t> ? 255 : MAX_PAYLOAD))))
    return false;
  count = static_cast<int32_t>(x);
  return static_cast<T>(count) == x;
}

// Quotients by one number, by a product: a division takes ten times as long.
class Divisor {
 public:
  explicit Divisor(uint32_t n) : inverse_(n > 1 ? UINT64_MAX / n + 1 : 0) {}
  uint32_t quotient(uint32_t x) const {
    return inverse_ ? static_cast<uint32_t>(static_cast<unsigned __int128>(inverse_) * x >> 64) : x;
  }

 private:
  uint64_t inverse_;  // 2^64 / n, rounded up: exact for all x of 32 bits (Lemire, Kaser, Kurz, 2019)
};

// The spikes of one sample of shape (C, T), time step by time step.
struct Listed {
  std::vector<int32_t> channel, count;
};

// Fills `steps` (T + 1): where the spikes of each time step begin in the lists.
template <class T>
bool list_sample(const T* dense, size_t n_channels, size_t n_steps, int64_t* steps, Listed& to) {
  struct Spike {
    uint32_t channel, step;
    int32_t count;
  };
  std::vector<Spike> spikes;
  spikes.reserve(n_channels * n_steps / 16);
  std::fill(steps, steps + n_steps + 1, 0);
  const Divisor by_time(static_cast<uint32_t>(n_steps));
  bool valid = true;
  each_spike(dense, n_channels * n_steps, [&](size_t place) {
    Spike s;
    valid &= is_count(dense[place], s.count);
    s.channel = by_time.quotient(static_cast<uint32_t>(place));
    s.step = static_cast<uint32_t>(place) - s.channel * static_cast<uint32_t>(n_steps);
    steps[s.step + 1]++;
    spikes.push_back(s);
  });
  if (!valid) return false;
  for (size_t t = 0; t < n_steps; t++) steps[t + 1] += steps[t];
  std::vector<int64_t> next(steps, steps + n_steps + 1);
  to.channel.resize(spikes.size());
  to.count.resize(spikes.size());
  for (const Spike& s : spikes) {
    const int64_t at = next[s.step]++;
    to.channel[at] = static_cast<int32_t>(s.channel);
    to.count[at] = s.count;
  }
  return true;
}

template <class F>
auto with_type(const Dense& x, F f) {
  if (x.dtype() == nb::dtype<uint8_t>()) return f(static_cast<const uint8_t*>(x.data()));
  if (x.dtype() == nb::dtype<int32_t>()) return f(static_cast<const int32_t*>(x.data()));
  if (x.dtype() == nb::dtype<int64_t>()) return f(static_cast<const int64_t*>(x.data()));
  if (x.dtype() == nb::dtype<float>()) return f(static_cast<const float*>(x.data()));
  if (x.dtype() == nb::dtype<double>()) return f(static_cast<const double*>(x.data()));
  throw std::invalid_argument("type of spikes");
}

// (B, C, T) counts -> channel and count (2, E), and `start` (B, T + 1), filled; None if an entry is no count.
nb::object list_spikes(Dense dense, Out<int64_t, nb::ndim<2>> start, int threads) {
  if (dense.ndim() != 3) throw std::invalid_argument("shape of spikes");
  const size_t n = dense.shape(0), n_channels = dense.shape(1), n_steps = dense.shape(2);
  if (start.shape(0) != n || start.shape(1) != n_steps + 1 || n_channels * n_steps > UINT32_MAX) {
    throw std::invalid_argument("shape of start");
  }
  std::vector<Listed> listed(n);
  std::atomic<bool> valid{true};
  int64_t* starts = start.data();
  {
    const nb::gil_scoped_release free;
    in_threads(threads, static_cast<int>(n), {}, [&](int b, Interrupt&) {
      const bool fine = with_type(dense, [&](const auto* data) {
        return list_sample(data + b * n_channels * n_steps, n_channels, n_steps, starts + b * (n_steps + 1), listed[b]);
      });
      if (!fine) valid = false;
    });
  }
  if (!valid) return nb::none();
  size_t total = 0;
  for (size_t b = 0; b < n; b++) {
    for (size_t t = 0; t <= n_steps; t++) starts[b * (n_steps + 1) + t] += static_cast<int64_t>(total);
    total += listed[b].channel.size();
  }
  std::unique_ptr<int32_t[]> joined(new int32_t[2 * total + 1]);
  int32_t *channel = joined.get(), *count = joined.get() + total;
  for (const Listed& x : listed) {
    channel = std::copy(x.channel.begin(), x.channel.end(), channel);
    count = std::copy(x.count.begin(), x.count.end(), count);
  }
  const nb::capsule owner(joined.get(), [](void* p) noexcept { delete[] static_cast<int32_t*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, int32_t, nb::ndim<2>>(joined.release(), {2, total}, owner));
}

// The spikes of one frame (C,): fills channel and count; returns how many, -1 if an entry is no count.
int list_frame(Dense frame, Out<int32_t, nb::ndim<1>> channel, Out<int32_t, nb::ndim<1>> count) {
  const size_t n = frame.size();
  if (channel.shape(0) < n || count.shape(0) < n) throw std::invalid_argument("shape of channel");
  return with_type(frame, [&](const auto* data) {
    int found = 0;
    bool valid = true;
    each_spike(data, n, [&](size_t c) {
      valid &= is_count(data[c], count.data()[found]);
      channel.data()[found++] = static_cast<int32_t>(c);
    });
    return valid ? found : -1;
  });
}

}  // namespace

void bind_events(nb::module_& m) {
  m.def("list_spikes", &list_spikes, "dense"_a.noconvert(), "start"_a.noconvert(), "threads"_a);
  m.def("list_frame", &list_frame, "frame"_a.noconvert(), "channel"_a.noconvert(), "count"_a.noconvert());
}

}  // namespace lava_async
