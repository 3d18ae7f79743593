#!/usr/bin/env bash
# Builds the core (lava_async/core/, C++) into lava_async/ for the Python of an environment: .ci/core.sh .venv
# LAVA_ASYNC_ISAS=avx512 in the environment compiles that instruction set alone, for a quick try (default: all).
# With a second argument, asan, into build/asan/lava_async/, with the sanitizers of addresses and undefined behaviour.
#
# Engines do not depend on Python, so environments share one build folder and compile only the binding again.
set -eu -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly bin=$PWD/$1/bin kind=${2:-release}
case $kind in
    release) options=(-DCMAKE_BUILD_TYPE=Release -DLAVA_ASYNC_STUB=ON) prefix=$PWD ;;
    # -O1: with sanitizers more takes many minutes to compile.
    asan) options=(-DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1" -DLAVA_ASYNC_SANITIZE=ON)
        prefix=$PWD/build/asan ;;
esac

# -U: what CMake found of the Python of another environment, or was told by a build of a wheel here, is looked up again.
"$bin/cmake" -S lava_async/core -B "build/core/$kind" -G Ninja -U '*Python*' -U '*nanobind*' -U 'NB_*' -U 'SKBUILD*' "${options[@]}" \
    -DLAVA_ASYNC_ISAS="${LAVA_ASYNC_ISAS:-}" \
    -DPython_EXECUTABLE="$bin/python" -DCMAKE_MAKE_PROGRAM="$bin/ninja" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
"$bin/cmake" --build "build/core/$kind"
"$bin/cmake" --install "build/core/$kind" --prefix "$prefix"
