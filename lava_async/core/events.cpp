// Spikes out of dense arrays of counts, in one pass over memory, which is most of what it costs.
#include "binding.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

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

// Calls f(place) for each entry that is not 0, by ascending place; by lines of memory, most of which hold none.
template <class T, class F>
void each_spike(const T* dense, size_t n, F f) {
  constexpr size_t LINE = 64 / sizeof(T);
  int32_t found[LINE];
  size_t begin = 0;
  for (; begin + LINE <= n; begin += LINE) {
    uint64_t words[8], any = 0;
    std::memcpy(words, dense + begin, sizeof words);
    for (uint64_t word : words) any |= word;
    if (!any) continue;
    int count = 0;
    for (size_t e = 0; e < LINE; e++) {  // without a branch: where spikes are cannot be predicted
      found[count] = static_cast<int32_t>(e);
      count += dense[begin + e] != 0;
    }
    for (int e = 0; e < count; e++) f(begin + found[e]);
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

// The spikes of one sample of shape (C, T), time step by time step.
struct Listed {
  std::vector<int32_t> channel, count;
};

// Fills `steps` (T + 1): where the spikes of each time step begin in the lists.
template <class T>
bool list_sample(const T* dense, size_t n_channels, size_t n_steps, int64_t* steps, Listed& to) {
  std::vector<uint32_t> places;
  std::vector<int32_t> counts;
  bool valid = true;
  each_spike(dense, n_channels * n_steps, [&](size_t place) {
    int32_t count = 0;
    valid &= is_count(dense[place], count);
    places.push_back(static_cast<uint32_t>(place));
    counts.push_back(count);
  });
  if (!valid) return false;
  std::fill(steps, steps + n_steps + 1, 0);
  std::vector<uint32_t> channels(places.size());
  const uint32_t T_ = static_cast<uint32_t>(n_steps);
  for (size_t e = 0; e < places.size(); e++) {
    channels[e] = places[e] / T_;
    places[e] -= channels[e] * T_;
    steps[places[e] + 1]++;
  }
  for (size_t t = 0; t < n_steps; t++) steps[t + 1] += steps[t];
  std::vector<int64_t> next(steps, steps + n_steps + 1);
  to.channel.resize(places.size());
  to.count.resize(places.size());
  for (size_t e = 0; e < places.size(); e++) {
    const int64_t at = next[places[e]]++;
    to.channel[at] = static_cast<int32_t>(channels[e]);
    to.count[at] = counts[e];
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

nb::object array_of(size_t n, const std::function<void(int32_t*)>& fill) {
  std::unique_ptr<int32_t[]> data(new int32_t[n + 1]);
  fill(data.get());
  int32_t* kept = data.release();
  const nb::capsule owner(kept, [](void* p) noexcept { delete[] static_cast<int32_t*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, int32_t, nb::ndim<1>>(kept, {n}, owner));
}

// (B, C, T) counts -> channel, count, largest count, and `start` (B, T + 1), filled; None if an entry is no count.
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
  int64_t total = 0;
  for (size_t b = 0; b < n; b++) {
    for (size_t t = 0; t <= n_steps; t++) starts[b * (n_steps + 1) + t] += total;
    total += static_cast<int64_t>(listed[b].channel.size());
  }
  const auto join = [&](std::vector<int32_t> Listed::* of) {
    return array_of(static_cast<size_t>(total), [&](int32_t* to) {
      for (const Listed& x : listed) to = std::copy((x.*of).begin(), (x.*of).end(), to);
    });
  };
  return nb::make_tuple(join(&Listed::channel), join(&Listed::count));
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
