#!/usr/bin/env bash
# Builds the core with the sanitizers of addresses and undefined behaviour, and runs tests on it: .ci/sanitize.sh .venv
#
# Further arguments go to pytest instead of the tests below. The first finding ends the run. One instruction set is built,
# the best of this processor; LAVA_ASYNC_ISAS=baseline takes another. Takes ten minutes of one core, half of them to build.
set -eu -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly venv=$1 tree=$PWD/build/asan cxx=${CXX:-c++}
shift
if [ -z "${LAVA_ASYNC_ISAS:-}" ]; then
    case $(grep -m 1 '^flags' /proc/cpuinfo 2>/dev/null || true) in
        *avx512dq*) LAVA_ASYNC_ISAS=avx512 ;;
        *avx2*) LAVA_ASYNC_ISAS=avx2 ;;
        *) LAVA_ASYNC_ISAS=baseline ;;
    esac
fi
export LAVA_ASYNC_ISAS
if [ $# -eq 0 ]; then
    set -- tests/test_vectors.py tests/test_core_arguments.py tests/test_engines.py tests/test_laws.py tests/test_network.py \
        tests/test_margin.py tests/test_timed.py tests/test_timed_training.py tests/test_gradients.py \
        tests/test_gradients_models.py tests/test_neuron_dropout.py tests/test_events.py tests/test_data_augmentation.py
fi

# The package as it is, but for its module: links to everything else.
rm -rf "$tree/lava_async"
mkdir -p "$tree/lava_async"
for part in lava_async/*; do
    case $part in lava_async/_core*) ;; *) ln -s "$PWD/$part" "$tree/lava_async/" ;; esac
done
.ci/core.sh "$venv" asan

# Python itself is built without: the runtime of the sanitizer is loaded first, and that of C++ for its exceptions.
library() { "$cxx" -print-file-name="$1"; }
case $("$cxx" --version) in
    *clang*) preload="$(library "libclang_rt.asan-$(uname -m).so")" ;;
    *) preload="$(library libasan.so) $(library libstdc++.so)" ;;
esac
export LD_PRELOAD=$preload PYTHONPATH=$tree
export ASAN_OPTIONS=detect_leaks=0 # Python frees little when it ends
export UBSAN_OPTIONS=print_stacktrace=1
export HYPOTHESIS_PROFILE=${HYPOTHESIS_PROFILE:-sanitize} # few examples: all this is many times as slow
"$venv/bin/python" -m pytest -p no:cacheprovider -q "$@"
