# Every target sets up what it needs: an environment with the packages of a lock file, the core, this package
# (.ci/setup.sh). PYTHON=3.12 takes that version, in .venv-3.12; TORCH=cuda takes torch with CUDA, TORCH=none no torch.
PYTHON ?=
TORCH ?= cpu
ARGS :=
export PYTHON TORCH

venv := .venv$(addprefix -,$(PYTHON))
python := $(venv)/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup core demo test check slow soak sanitize bench docs tutorials lint format lock clean distclean

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile
	@echo 'Options go through ARGS, as in: make demo ARGS="--fast --seed 1"'
	@echo 'PYTHON=3.12 takes that Python, TORCH=cuda torch with CUDA, as in: make test PYTHON=3.12'

setup: ## Create .venv, install everything, build the core; does nothing when that is done
	@.ci/setup.sh

core: ## Compile what changed in lava_async/core, and show what the compiler says
	@.ci/setup.sh core

demo: setup ## Run the main job (lava-async demo)
	@$(venv)/bin/lava-async demo $(ARGS)

test: lint check ## Lint, check types, run the tests; ARGS go to pytest

# Each core takes tests from the others when it has done its own.
check: setup ## Run the tests alone
	$(python) -m pytest -n logical --maxprocesses 8 --dist worksteal $(ARGS)

slow: setup ## Run the slow tests: laws on hundreds of networks, failures fifty times in a row (an hour and more)
	$(python) -m pytest -m slow $(ARGS)

sanitize: setup ## Run vectors and property tests on a core that checks addresses and undefined behaviour
	.ci/sanitize.sh $(venv) $(ARGS)

SECONDS_TO_FUZZ := 1200
soak: setup ## Crash at hundreds of moments, then damage files for 20 minutes (SECONDS_TO_FUZZ=...)
	$(python) -m pytest -m soak $(ARGS)
	$(python) tests/fuzz.py all --seconds $(SECONDS_TO_FUZZ)

bench: setup ## Measure speed (lava-async bench)
	@$(venv)/bin/lava-async bench $(ARGS)

docs: setup ## Build the documentation into build/site (warnings are errors); open build/site/index.html
	$(python) -m sphinx -W --keep-going -q docs build/site $(ARGS)

tutorials: setup ## Run the tutorials and store their outputs; ARGS are files
	$(python) .ci/run_notebooks.py $(ARGS)

lint: setup ## Lint, check the format, check types
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy

format: setup ## Sort imports, fix what can be fixed, format
	$(python) -m ruff check --fix .
	$(python) -m ruff format .

# Present pins stay as long as pyproject.toml allows (ARGS=--upgrade renews them). One file holds what lava-nc and lava-dl
# declare, for Python 3.10; the other is for all later versions.
compile = $(venv)/bin/uv pip compile pyproject.toml --quiet --universal --group dev $(ARGS) --no-emit-index-url \
	--no-emit-find-links --annotation-style line --custom-compile-command "make lock"

lock: setup ## Compile requirements.lock and requirements-3.10.lock from pyproject.toml
	$(compile) --python-version 3.11 --extra all --output-file requirements.lock
	$(compile) --python-version 3.10 --all-extras --output-file requirements-3.10.lock
	sed -i.bak -E "/== 'win32'/d" requirements.lock
	sed -i.bak -E "/== 'win32'|python_full_version (>=|==) '3.1[1-9]/d" requirements-3.10.lock
	rm requirements.lock.bak requirements-3.10.lock.bak

clean: ## Remove caches and builds
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks build dist lava_async/_core* .venv*/.done-core
	find lava_async tests tutorials -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean ## Remove the environments as well
	rm -rf .venv .venv-3.* .cache
