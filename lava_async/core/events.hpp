// Spikes out of dense arrays.
#pragma once
#include <nanobind/nanobind.h>

namespace lava_async {

void bind_events(nanobind::module_& m);
void bind_augment(nanobind::module_& m);

}  // namespace lava_async
