# One door for people and for CI. `make` alone explains itself.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# The first Python that is new enough; `make PYTHON=…` overrules.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$name" && break; done)
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet

# Stamps: a second run is instant, a changed lock installs again.
MADE := $(VENV)/.stamp-made
RUNTIME := $(VENV)/.stamp-runtime
PROJECT := $(VENV)/.stamp-project
DEV := $(VENV)/.stamp-dev

.PHONY: help run install dev test check cover proof proxies faults bench lock audit clean

help: ## say what can be made
	@echo "Ostiary: make <target> [ARGS='…']"
	@sed -nE 's/^([a-z]+):.*## (.*)$$/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

run: $(PROJECT) ## make folder and key where they are missing, then start the server (ARGS are handed to `ostiary serve`)
	@$(BIN)/ostiary init
	@exec $(BIN)/ostiary serve $(ARGS)

install: $(PROJECT) ## make .venv with the locked runtime and the command .venv/bin/ostiary

dev: $(DEV) $(PROJECT) ## the same, with the tools for tests and checks

test: dev ## every test, beside a real browser, a real PostgreSQL and Node (ARGS are handed to pytest; -n0 runs them one by one)
	@exec $(BIN)/python tests/rigs/counterparts.py $(BIN)/python -m pytest -m 'not slow' $(BESIDE) $(ARGS)

# A file's tests stay together. What waits for servers, browsers and paces lets the others run: more of them than cores.
BESIDE = --numprocesses=3 --dist=loadfile

check: dev ## format, lint, types, shelves, dependencies, laws of the house: no server is started, every fault is told
	@$(MAKE) --keep-going --no-print-directory check-format check-lint check-types check-shelves check-dependencies check-laws

.PHONY: check-format check-lint check-types check-shelves check-dependencies check-laws
check-format:
	$(BIN)/ruff format --check .
check-lint:
	$(BIN)/ruff check .
check-types:
	$(BIN)/mypy
check-shelves:
	$(BIN)/lint-imports --no-cache --no-logo
check-dependencies:
	$(BIN)/deptry src
check-laws:
	$(BIN)/python -m pytest -q tests/architecture

cover: dev ## every test with branch coverage, and the floors that it must reach
	@$(BIN)/python tests/rigs/counterparts.py $(BIN)/python -m pytest -m 'not slow' $(BESIDE) --cov --cov-report= $(ARGS)
	@$(BIN)/coverage json --quiet -o .coverage.json
	@$(BIN)/python tests/rigs/floors.py .coverage.json

proof: dev ## the long shows: races, kills, large tables (ARGS are handed to pytest)
	@exec $(BIN)/python tests/rigs/counterparts.py $(BIN)/python -m pytest -m slow $(ARGS)

proxies: dev ## every example of a proxy for real, in six situations, as a table
	@exec $(BIN)/python tests/rigs/counterparts.py $(BIN)/python -m tests.examples.table

faults: dev ## everything that fails around a server, for real, and what is left afterwards, as a table (ARGS: parts of names)
	@exec $(BIN)/python tests/rigs/counterparts.py $(BIN)/python -m tests.faults $(ARGS)

bench: dev ## the measurements that the README quotes
	@exec $(BIN)/python -m bench $(ARGS)

# Universal locks with hashes and without any registry's address.
lock: .lock-venv/bin/uv ## resolve requirements.lock and requirements-dev.lock again (ARGS=--upgrade for newer releases)
	@$(LOCK) --group build -o requirements.lock $(ARGS)
	@$(LOCK) --group dev -c requirements.lock -o requirements-dev.lock $(ARGS)
	@! grep -n '://' requirements.lock requirements-dev.lock
LOCK = .lock-venv/bin/uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-strip-extras --quiet \
	--custom-compile-command 'make lock'

audit: .lock-venv/bin/uv ## ask the registry for known vulnerabilities in requirements.lock (it must publish them)
	@.lock-venv/bin/python -m pip --disable-pip-version-check --quiet install 'pip-audit>=2.10,<3'
	.lock-venv/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock

clean: ## remove everything that make has made, the environments too
	rm -rf $(VENV) .lock-venv .venv-proxies .node-walk .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage* htmlcov build dist
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(MADE):
	@if [ -z "$(PYTHON)" ]; then \
		echo "Ostiary needs Python 3.11 or newer: install it (Debian: apt-get install python3.11), or name it: make PYTHON=…"; exit 1; fi
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then $(INSTALL_VENV); fi
	@echo "Making $(VENV) with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# Debian keeps ensurepip in a package of its own.
INSTALL_VENV = package="$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "Python's venv module is missing: type 'apt-get install $$package' as root, then run make again."; exit 1; fi; \
	echo "Installing $$package …"; apt-get update -qq; \
	APT='apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300'; \
	export DEBIAN_FRONTEND=noninteractive; $$APT "$$package" >/dev/null || $$APT python3-venv >/dev/null

$(RUNTIME): requirements.lock | $(MADE)
	@echo "Installing what requirements.lock names …"
	@$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(PROJECT): pyproject.toml $(RUNTIME)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements-dev.lock | $(PROJECT)
	@echo "Installing what requirements-dev.lock names …"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

.lock-venv/bin/uv: | $(MADE)
	@$(PYTHON) -m venv .lock-venv
	@.lock-venv/bin/python -m pip --disable-pip-version-check --quiet install 'uv>=0.13,<0.14'
