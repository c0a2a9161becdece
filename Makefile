# The commands people type. Everything is installed into .venv from lock files with hashes;
# downloads are kept in the package managers' caches and in ~/.cache/plantpulse, nothing else is left outside.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
LOCKS := deploy/locks
CHECKED := models edge_agent cloud plantpulse tests
ARGS ?=
DATA ?= ../shared/data

.PHONY: help setup demo test soak services check bench peers lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: $(VENV)/all.stamp ## .venv with everything the demo and the tests need

demo: $(VENV)/demo.stamp ## a plant, its gateway and its cloud on this machine until Ctrl-C (ARGS="--help" for more)
	@$(BIN)/plantpulse demo $(ARGS)

test: setup ## the test suite; what needs a server that is not there is skipped by name
	$(BIN)/python -m pytest $(ARGS)

soak: setup ## the long runs: whole demos, endurance; hours
	$(BIN)/python -m pytest -m soak -s $(ARGS)

services: ## install and build what the full suite needs: broker, browser, foreign packages, tflite-runtime
	deploy/services.sh

check: setup ## format, lint, types, import contracts, unused code
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture

bench: setup ## every benchmark: bench/results.json and the table in the README
	$(BIN)/plantpulse bench all --readme README.md $(ARGS)

# 900 MB of other people's libraries: into the cache, never into .venv.
PEERS := $(or $(PLANTPULSE_CACHE),$(HOME)/.cache/plantpulse)/peers

peers: setup ## the libraries that make bench compares the features with, if you want to see that too
	@if ! cmp -s $(LOCKS)/peers.txt $(PEERS)/peers.txt; then \
		echo "installing the compared libraries into $(PEERS)"; \
		rm -rf $(PEERS); $(BIN)/python -m venv $(PEERS); \
		if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --python $(PEERS)/bin/python --require-hashes -r $(LOCKS)/peers.txt; \
		else $(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCKS)/peers.txt; fi; \
		cp $(LOCKS)/peers.txt $(PEERS)/peers.txt; fi

results: setup ## every public set in DATA: docs/results.md and the table in the README
	$(BIN)/plantpulse models evaluate all --data $(DATA) --readme README.md $(ARGS)

lock: setup ## renew the lock files after a change in pyproject.toml
	deploy/lock.sh

clean: ## remove what make created in the checkout
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info

# uv installs in seconds what pip installs in minutes; where it has no wheel, pip does the same from the same locks.
$(VENV)/installer.stamp: $(LOCKS)/tools.txt
	@if [ -z "$(PYTHON)" ]; then echo "plantpulse needs Python 3.11 or newer: install it, or set PYTHON=/path/to/python" >&2; exit 2; fi
	@if [ ! -x $(BIN)/python ]; then echo "creating $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCKS)/tools.txt \
		|| echo "uv is not to be had for this machine: using pip, which is slower"
	@touch $@

define install
	@echo "installing $(1)"
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCKS)/$(1).txt \
		&& $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCKS)/$(1).txt \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .; fi
	@touch $@
endef

$(VENV)/demo.stamp: pyproject.toml $(LOCKS)/demo.txt $(VENV)/installer.stamp
	$(call install,demo)

$(VENV)/all.stamp: pyproject.toml $(LOCKS)/all.txt $(VENV)/installer.stamp
	$(call install,all)
	@touch $(VENV)/demo.stamp
