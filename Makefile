# Every target sets up what it needs: .venv with Python 3.10, requirements.lock, this package (.ci/setup.sh).
PYTHON := .venv/bin/python
ARGS :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test slow bench docs lint format lock clean distclean

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile
	@echo 'Options go through ARGS, as in: make demo ARGS="--fast --seed 1"'

setup: ## Create .venv and install everything; does nothing when that is done
	@.ci/setup.sh

demo: setup ## Run the main job (lava-async demo)
	@.venv/bin/lava-async demo $(ARGS)

# Each core takes tests from the others when it has done its own.
test: lint ## Lint, check types, run the tests; ARGS go to pytest
	$(PYTHON) -m pytest -n logical --maxprocesses 8 --dist worksteal $(ARGS)

slow: setup ## Run the slow tests: laws on hundreds of networks, failures fifty times in a row (an hour and more)
	$(PYTHON) -m pytest -m slow $(ARGS)

bench: setup ## Measure speed (lava-async bench)
	@.venv/bin/lava-async bench $(ARGS)

docs: setup ## Build the documentation into build/site
	$(PYTHON) -m mkdocs build --strict $(ARGS)

lint: setup ## Lint, check the format, check types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

format: setup ## Sort imports, fix what can be fixed, format
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

# One file for Linux and macOS; present pins stay as long as pyproject.toml allows (ARGS=--upgrade renews them).
lock: setup ## Compile requirements.lock from pyproject.toml
	.venv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.10 --all-extras $(ARGS) \
		--no-emit-index-url --no-emit-find-links --annotation-style line \
		--custom-compile-command "make lock" --output-file requirements.lock
	grep -vE "python_full_version >= |== 'win32'" requirements.lock > requirements.lock.tmp
	mv requirements.lock.tmp requirements.lock

clean: ## Remove caches and builds
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks build dist
	find lava_async tests tutorials -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean ## Remove the environment as well
	rm -rf .venv .cache
