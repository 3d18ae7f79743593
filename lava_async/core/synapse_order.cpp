// The order in which a list of synapses is kept: by source, then by target.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>

#include "binding.hpp"

using namespace nanobind::literals;

namespace lava_async {
namespace {

using Numbers = In<int32_t, nb::ndim<1>>;

bool ascends(const int32_t* pre, const int32_t* post, size_t n) {
  for (size_t e = 1; e < n; e++) {
    if (pre[e] < pre[e - 1] || (pre[e] == pre[e - 1] && post[e] <= post[e - 1])) return false;
  }
  return true;
}

// An entry with its target above its number, so that a sort of such words sorts by target.
constexpr int NUMBER_BITS = 32;
uint64_t word_of(int32_t target, size_t entry) { return static_cast<uint64_t>(target) << NUMBER_BITS | entry; }

// Entries by source, then by target. Source by source, which stays in the first cache; lists mostly come by source.
std::vector<uint64_t> sorted(const int32_t* pre, const int32_t* post, size_t n, int n_source) {
  std::vector<uint32_t> next(static_cast<size_t>(n_source) + 1);
  for (size_t e = 0; e < n; e++) next[pre[e] + 1]++;
  for (int j = 0; j < n_source; j++) next[j + 1] += next[j];
  std::vector<uint64_t> words(n);
  for (size_t e = 0; e < n; e++) words[next[pre[e]]++] = word_of(post[e], e);
  for (int j = 0; j < n_source; j++) std::sort(words.begin() + (j ? next[j - 1] : 0), words.begin() + next[j]);
  return words;
}

// Returns None if the synapses are in order, each once; else their order, and an entry that has been there before, or
// -1.
nb::object synapse_order(Numbers pre, Numbers post, int n_source, int n_target) {
  const size_t n = pre.shape(0);
  require(post.shape(0) == n && n < (1ull << 32), "post");
  const int32_t *from = pre.data(), *to = post.data();
  for (size_t e = 0; e < n; e++) {
    require(from[e] >= 0 && from[e] < n_source && to[e] >= 0 && to[e] < n_target, "pre, post");
  }
  std::vector<int64_t> order;
  int64_t twice = -1;
  {
    const nb::gil_scoped_release free;
    if (!ascends(from, to, n)) {
      const std::vector<uint64_t> words = sorted(from, to, n, n_source);
      order.reserve(n);
      for (const uint64_t word : words) order.push_back(static_cast<uint32_t>(word));
      for (size_t i = 1; i < n && twice < 0; i++) {
        if (from[order[i]] == from[order[i - 1]] && to[order[i]] == to[order[i - 1]]) twice = order[i];
      }
    }
  }
  if (order.empty()) return nb::none();
  return nb::make_tuple(array_of(std::move(order)), twice);
}

}  // namespace

void bind_synapse_order(nb::module_& m) {
  m.def("synapse_order", &synapse_order, "pre"_a.noconvert(), "post"_a.noconvert(), "n_source"_a, "n_target"_a);
}

}  // namespace lava_async
