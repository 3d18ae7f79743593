// What the files that bind the core to Python share: types of arrays, and how a wrong one is refused.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace lava_async {

namespace nb = nanobind;

template <class T, class... Shape>
using In = nb::ndarray<const T, nb::numpy, nb::c_contig, nb::device::cpu, Shape...>;
template <class T, class... Shape>
using Out = nb::ndarray<T, nb::numpy, nb::c_contig, nb::device::cpu, Shape...>;
using AnyIn = nb::ndarray<nb::ro, nb::numpy, nb::c_contig, nb::device::cpu>;
using AnyOut = nb::ndarray<nb::numpy, nb::c_contig, nb::device::cpu>;

[[noreturn]] inline void refuse(const char* what) { throw std::invalid_argument(what); }
inline void require(bool holds, const char* what) {
  if (!holds) refuse(what);
}

// A vector as an array that owns it.
template <class T>
nb::object array_of(std::vector<T>&& values) {
  auto kept = std::make_unique<std::vector<T>>(std::move(values));
  const nb::capsule owner(kept.get(), [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  std::vector<T>& found = *kept.release();
  return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(found.data(), {found.size()}, owner));
}

struct PyEngine;

void bind_augment(nb::module_& m);
void bind_engine(nb::module_& m);
void bind_events(nb::module_& m);
void bind_network(nb::module_& m);
void bind_synapse_order(nb::module_& m);
void bind_training(nb::module_& m, nb::class_<PyEngine>& engine);

}  // namespace lava_async
