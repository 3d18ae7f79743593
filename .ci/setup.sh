#!/usr/bin/env bash
# Creates .venv, installs a lock file and this package (editable) into it, and builds the core in C++.
#
# Called by every target of the Makefile. What is done already is not done again; a set-up that was cut off goes on
# where it stopped. Progress goes to stdout, the noise of the tools to a log, a failure is one line on stderr and exit 1.
#
#   PYTHON=3.12  that version of Python, in .venv-3.12; by default the newest one here for which torch has a CPU build
#   TORCH=cuda   torch with CUDA (about 5 GB); none: no torch; by default its CPU build
#
# Python is taken from PATH or pyenv; else uv fetches it. `setup.sh core` builds the core in any case, and shows how.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

readonly task=${1:-} wanted=${PYTHON:-} torch=${TORCH:-cpu}
readonly venv=.venv${wanted:+-$wanted} private=.cache/setup log=.cache/setup.log
readonly python=$venv/bin/python uv=$private/uv/bin/uv
readonly supported="3.13 3.12 3.11 3.10 3.14" # the newest tested one first; 3.14 where there is no other
readonly to_fetch=${wanted:-3.13}             # where there is none of them

say() { printf '%s\n' "$*"; }

clear_line() { [ ! -t 1 ] || printf '\r\033[K'; }

fail() {
    clear_line
    printf 'set-up failed: %s\n' "$*" >&2
    exit 1
}

# Names the cause of a failed command by what it left in the log. $1: what failed; $2: what helps without a network.
explain() {
    if grep -qiE 'no space left|errno 28|quota exceeded' "$log" || [ "$(free_mb)" -lt 20 ]; then
        fail "$1, the disk is full: free some space and run make again (details: $log)"
    elif grep -qiE 'connection|could not find a version|no matching dist|timed out|error sending request' "$log"; then
        fail "$1, nothing could be downloaded: ${2:-check the network} and run make again (details: $log)"
    fi
    fail "$1: $(grep -iE '^ *error' "$log" | tail -n 1) (details: $log)"
}

free_mb() { df -Pm . | awk 'NR == 2 { print $4 }'; }

# Runs a command into the log; meanwhile, on a terminal, shows $1 and the seconds so far.
quietly() {
    local progress=$1
    shift
    "$@" </dev/null >>"$log" 2>&1 &
    running=$!
    while [ -t 1 ] && kill -0 "$running" 2>/dev/null; do
        printf '\r  %s, %d s ' "$progress" "$SECONDS"
        sleep 0.2
    done
    wait "$running"
    local code=$?
    clear_line
    return $code
}

# --- What is done already ------------------------------------------------------------------------------------------
# A stamp is written after its step and holds the fingerprint of what the step depends on. What is installed for this
# package names the folder, so a moved clone installs it again.

fingerprint() {
    case $1 in
        python) say chosen ;;
        lock) { say "$torch" && cat requirements*.lock; } | cksum ;;
        package) { pwd && cat pyproject.toml lava_async/compat/startup.py && grep '^__version__' lava_async/__init__.py; } | cksum ;;
        core) { pwd && find lava_async/core -type f -exec cksum {} + | sort; } | cksum ;;
    esac
}

is_done() { [ "$(cat "$venv/.done-$1" 2>/dev/null)" = "$(fingerprint "$1")" ]; }

set_done() { fingerprint "$1" >"$venv/.done-$1"; }

is_complete() { [ -x "$python" ] && is_done python && is_done lock && is_done package && is_done core; }

# --- Python --------------------------------------------------------------------------------------------------------

# A name on PATH proves nothing: pyenv's shims exist for versions that are not selected, and Debian splits off ensurepip.
is_usable() {
    "$1" -c "import ensurepip, sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '$2')" </dev/null >/dev/null 2>&1
}

candidates() {
    type -ap "python$1" python3 python
    ls -d "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$1".*/bin/python "$private"/python/cpython-"$1".*/bin/python"$1"
}

find_python() {
    local candidate
    while IFS= read -r candidate; do
        is_usable "$candidate" "$1" && say "$candidate" && return
    done < <(candidates "$1" 2>/dev/null)
    return 1
}

# Tells whether torch has a CPU build for a Python: on macOS always, elsewhere where pip is told to look or where uv knows.
has_cpu_torch() {
    [ "$(uname -s)" = Linux ] || return 0
    "$1" -m pip install --dry-run --no-deps --ignore-installed "$(pin torch)+cpu" </dev/null >/dev/null 2>&1 && return
    [ -z "${no_index-}" ] || return 1
    UV_HTTP_RETRIES=0 "$uv" pip install --dry-run --python "$1" --torch-backend=cpu --no-deps "$(pin torch)" \
        >/dev/null 2>&1 && return
    no_index=true # and none for other versions: do not wait for it again
    return 1
}

# Sets chosen to the Python that was asked for, or to the newest one here that can have the torch that is wanted.
choose_python() {
    local version candidate newest=
    for version in ${wanted:-$supported}; do
        candidate=$(find_python "$version") || continue
        newest=${newest:-$candidate}
        chosen=$candidate
        [ -n "$wanted" ] || [ "$torch" != cpu ] || has_cpu_torch "$candidate" || continue
        return 0
    done
    chosen=$newest
    [ -n "$chosen" ]
}

find_pip() {
    local candidate version
    while IFS= read -r candidate; do
        "$candidate" -m pip --version </dev/null >/dev/null 2>&1 && say "$candidate" && return
    done < <(type -ap python3 python; for version in $supported; do find_python "$version"; done)
    return 1
}

fetch_uv() {
    local pip failure=("uv, which installs the packages, could not be fetched" "check the network")
    "$uv" --version 2>/dev/null | grep -q " $(pin uv | cut -d= -f3)\b" && return
    pip=$(find_pip) || fail "there is no Python with pip here: install Python $to_fetch and run make again"
    "$pip" -m pip install --upgrade --target "$private/uv" "$(pin uv)" </dev/null >>"$log" 2>&1 || explain "${failure[@]}"
}

fetch_python() {
    say "There is no Python $to_fetch here: fetching it with uv ..."
    UV_PYTHON_INSTALL_DIR=$private/python UV_PYTHON_BIN_DIR=$private/bin \
        "$uv" python install "$to_fetch" >>"$log" 2>&1 ||
        explain "Python $to_fetch is not here and could not be fetched" "check the network, or install Python $to_fetch,"
    chosen=$(find_python "$to_fetch") || fail "the Python $to_fetch that uv fetched does not run (details: $log)"
}

create_venv() {
    is_done python && "$python" -c 'import pip' >/dev/null 2>&1 && return
    choose_python || fetch_python
    say "Creating $venv with $chosen ..."
    rm -rf "$venv"
    "$chosen" -m venv "$venv" >>"$log" 2>&1 || explain "$venv could not be created"
    set_done python
}

# --- Packages ------------------------------------------------------------------------------------------------------

# The lock file of Python 3.10 holds what lava-nc and lava-dl declare; on later versions they run with newer packages.
lock_file() {
    case $("$python" --version) in *" 3.10."*) say requirements-3.10.lock ;; *) say requirements.lock ;; esac
}

# Prints what a lock file pins of a package, as in torch==2.13.0.
pin() { grep -oh "^$1==[^ ;]*" "${2:-requirements.lock}"; }

# uv installs in seconds what takes pip minutes; pip is for those who have told pip alone where to look.
install() {
    local progress=$1
    shift
    quietly "$progress" "$uv" pip install --python "$python" --no-deps "$@" ||
        quietly "$progress" "$python" -m pip install --no-deps --ignore-requires-python "$@"
}

install_torch() {
    local lock=$1
    case $torch in
        none) return ;;
        cpu)
            if has_cpu_torch "$python"; then
                quietly torch "$python" -m pip install --no-deps "$(pin torch "$lock")+cpu" ||
                    quietly torch "$uv" pip install --python "$python" --no-deps --torch-backend=cpu "$(pin torch "$lock")" ||
                    explain "torch could not be installed"
                return
            fi
            say "There is no CPU build of torch for this Python here: installing the one with CUDA (about 5 GB) ..."
            ;;
    esac
    grep -E "$for_torch" "$lock" >"$TMPDIR/torch"
    install torch --requirement "$TMPDIR/torch" || explain "torch could not be installed"
}

install_lock() {
    local lock for_torch='^(torch|torchvision|triton|nvidia-[a-z0-9-]*|cuda-[a-z]*)=='
    lock=$(lock_file)
    say "Installing packages for $("$python" --version) ..."
    grep -vE "$for_torch" "$lock" >"$TMPDIR/packages"
    grep -q '^lava-nc==' "$lock" || grep -ohE '"lava-(nc|dl)==[0-9.]+"' pyproject.toml | tr -d '"' >>"$TMPDIR/packages"
    install packages --requirement "$TMPDIR/packages" || explain "packages could not be installed"
    install_torch "$lock"
    # The Lava wheels bring 113 MB of tests and 52 MB of networks for object detection, which nothing here uses.
    rm -rf "$venv"/lib/python*/site-packages/{tests,lava/lib/dl/slayer/object_detection/models/*/*.pt}
    set_done lock
}

install_package() {
    # The core is built into this folder by .ci/core.sh, so the package itself is Python alone.
    install "this package" --no-build-isolation --editable . \
        --config-settings={wheel.cmake=false,wheel.py-api=py3,editable.mode=inplace} ||
        explain "this package could not be installed"
    # A plain path, as for any package: the finder that scikit-build-core adds would come before PYTHONPATH.
    local site
    site=$(echo "$venv"/lib/python*/site-packages)
    sed -i.bak '/^import /d' "$site/_editable_skbc_lava_async.pth"
    # What CMake puts into a wheel (lava_async/core/CMakeLists.txt): for programs that import Lava first.
    cp lava_async/compat/startup.py "$site/_lava_async_startup.py"
    say "import _lava_async_startup" >"$site/lava_async_startup.pth"
    set_done package
}

build_core() {
    if [ "$task" = core ]; then
        .ci/core.sh "$venv" || exit 1
    else
        say "Building the core in C++ ..."
        quietly core .ci/core.sh "$venv" ||
            fail "the core was not built: $(grep -E '[Ee]rror' "$log" | tail -n 1) (make core shows it all)"
    fi
    set_done core
}

# --- The whole -----------------------------------------------------------------------------------------------------

[[ " $supported " == *" ${wanted:-3.13} "* ]] ||
    fail "PYTHON must be one of ${supported// /, }, as in: make setup PYTHON=3.12 (got '$wanted')"
[[ " cpu cuda none " == *" $torch "* ]] || fail "TORCH must be cpu, cuda or none (got '$torch')"
is_complete && [ "$task" != core ] && exit 0

running=
trap 'kill $running 2>/dev/null; fail "interrupted; make goes on where it stopped"' INT TERM
# What a user or a machine sets for other projects must not change what is installed here, or where.
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_ROOT VIRTUAL_ENV UV_CONSTRAINT UV_OVERRIDE UV_TARGET UV_PREFIX
export PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_CONSTRAINT=/dev/null UV_NO_CONFIG=1
export PIP_PROGRESS_BAR=off PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1
export TMPDIR=$PWD/$private/tmp # what is fetched is unpacked there; /tmp is often a small memory disk

if ! is_done lock; then
    case $torch in cuda) needed_mb=7500 ;; cpu) needed_mb=2500 ;; none) needed_mb=1200 ;; esac
    present_mb=$(du -sm "$venv" 2>/dev/null | awk '{ print $1 }')
    missing_mb=$((needed_mb - ${present_mb:-0}))
    [ "$(free_mb)" -ge "$missing_mb" ] ||
        fail "$missing_mb MB are needed in $PWD and $(free_mb) MB are free: free some space and run make again"
fi
mkdir -p "$TMPDIR" 2>/dev/null || fail "cannot write into $PWD/.cache"
if command -v flock >/dev/null; then
    exec 9>"$private/lock"
    flock -n 9 || { say "Waiting for another set-up in this folder ..." && flock 9; }
    is_complete && [ "$task" != core ] && exit 0
fi
: >"$log"

fetch_uv
create_venv
is_done lock || install_lock
is_done package || install_package
[ "$task" != core ] && is_done core || build_core
rm -rf "$TMPDIR"
[ "$task" = core ] || say "Set-up complete after $SECONDS s."
