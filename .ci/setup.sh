#!/usr/bin/env bash
# Creates .venv with Python 3.10 and installs requirements.lock and this package (editable) into it.
#
# Called by every target of the Makefile. What is done already is not done again; a set-up that was cut off goes on
# where it stopped. Progress goes to stdout, the noise of pip to a log, a failure is one line on stderr and exit 1.
# Python 3.10 is taken from PATH or pyenv; else uv fetches it. All that is fetched stays in this folder.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

readonly venv=.venv private=.cache/setup log=.cache/setup.log
readonly needed_mb=7500 # .venv (about 6 GB) and the largest downloads that are unpacked at one time
readonly packages_per_call=20

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

# --- What is done already ------------------------------------------------------------------------------------------
# A stamp is written after its step and holds the fingerprint of what the step depends on. What pip installs for this
# package names the folder, so a moved clone installs it anew.

fingerprint() {
    case $1 in
        lock) cksum <requirements.lock ;;
        package) { pwd && cat pyproject.toml && grep '^__version__' lava_async/__init__.py; } | cksum ;;
    esac
}

is_done() { [ "$(cat "$venv/.done-$1" 2>/dev/null)" = "$(fingerprint "$1")" ]; }

is_complete() { [ -x "$venv/bin/python" ] && is_done lock && is_done package; }

# --- Python 3.10 ---------------------------------------------------------------------------------------------------

# A name on PATH proves nothing: pyenv's shims exist for versions that are not selected, and Debian splits off ensurepip.
is_usable() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 10))' </dev/null >/dev/null 2>&1
}

candidates() {
    type -ap python3.10 python3 python
    ls -d "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.10*/bin/python "$private"/python/cpython-3.10*/bin/python3.10
}

find_python() {
    local candidate
    while IFS= read -r candidate; do
        is_usable "$candidate" && say "$candidate" && return
    done < <(candidates 2>/dev/null)
    return 1
}

find_pip() {
    local candidate
    while IFS= read -r candidate; do
        "$candidate" -m pip --version </dev/null >/dev/null 2>&1 && say "$candidate" && return
    done < <(type -ap python3 python)
    return 1
}

fetch_python() {
    local uv=$private/uv/bin/uv python
    local failure=("Python 3.10 is not here and could not be fetched" "check the network, or install Python 3.10,")
    say "There is no Python 3.10 here: fetching it with uv ..."
    if ! "$uv" --version >/dev/null 2>&1; then
        python=$(find_pip) || fail "${failure[0]}, for there is no pip: install Python 3.10 and run make again"
        "$python" -m pip install --upgrade --target "$private/uv" "$(grep -o '^uv==[^ ;]*' requirements.lock)" \
            </dev/null >>"$log" 2>&1 || explain "${failure[@]}"
    fi
    UV_PYTHON_INSTALL_DIR=$private/python UV_PYTHON_BIN_DIR=$private/bin UV_CACHE_DIR=$private/uv-cache \
        "$uv" python install 3.10 >>"$log" 2>&1 || explain "${failure[@]}"
}

create_venv() {
    local python
    "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info[:2] != (3, 10))' >/dev/null 2>&1 && return
    if ! python=$(find_python); then
        fetch_python
        python=$(find_python) || fail "the Python 3.10 that uv fetched does not run (details: $log)"
    fi
    say "Creating $venv with $python ..."
    rm -rf "$venv"
    "$python" -m venv "$venv" >>"$log" 2>&1 || explain "$venv could not be created"
}

# --- Packages ------------------------------------------------------------------------------------------------------

# Runs pip; meanwhile, on a terminal, shows $1 and the seconds so far.
pip_install() {
    local progress=$1
    shift
    "$venv/bin/python" -m pip install --no-deps "$@" </dev/null >>"$log" 2>&1 &
    pip_pid=$!
    while [ -t 1 ] && kill -0 "$pip_pid" 2>/dev/null; do
        printf '\r  %s, %d s ' "$progress" "$SECONDS"
        sleep 0.2
    done
    wait "$pip_pid"
}

# A few packages per call, since pip keeps the downloads of one call on disk until its end.
install_lock() {
    local pins=() line i
    while IFS= read -r line; do pins+=("$line"); done < <(sed -e 's/ *#.*//' -e '/^$/d' requirements.lock)
    say "Installing ${#pins[@]} packages (about 6 GB with PyTorch and CUDA; 1 to 5 minutes) ..."
    for ((i = 0; i < ${#pins[@]}; i += packages_per_call)); do
        pip_install "$i of ${#pins[@]} packages" "${pins[@]:i:packages_per_call}" || explain "packages could not be installed"
    done
    clear_line
    fingerprint lock >"$venv/.done-lock"
}

install_package() {
    pip_install "this package" --no-build-isolation --editable . || explain "this package could not be installed"
    clear_line
    fingerprint package >"$venv/.done-package"
}

# --- The whole -----------------------------------------------------------------------------------------------------

is_complete && exit 0

pip_pid=
trap 'kill $pip_pid 2>/dev/null; fail "interrupted; make goes on where it stopped"' INT TERM
# What a user or a machine sets for other projects must not change what is installed here, or where.
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_ROOT
export PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_CONSTRAINT=/dev/null
export PIP_PROGRESS_BAR=off PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1
export TMPDIR=$PWD/$private/tmp # pip unpacks there; /tmp is often a small memory disk

if ! [ -x "$venv/bin/python" ] || ! is_done lock; then
    present_mb=$(du -sm "$venv" 2>/dev/null | awk '{ print $1 }')
    missing_mb=$((needed_mb - ${present_mb:-0}))
    [ "$(free_mb)" -ge "$missing_mb" ] ||
        fail "$missing_mb MB are needed in $PWD and $(free_mb) MB are free: free some space and run make again"
fi
mkdir -p "$TMPDIR" 2>/dev/null || fail "cannot write into $PWD/.cache"
if command -v flock >/dev/null; then
    exec 9>"$private/lock"
    flock -n 9 || { say "Waiting for another set-up in this folder ..." && flock 9; }
    is_complete && exit 0
fi
: >"$log"

create_venv
is_done lock || install_lock
is_done package || install_package
rm -rf "$TMPDIR"
say "Set-up complete after $SECONDS s."
