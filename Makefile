# The verbs of this project; `make help` lists them. Everything runs in .venv, which `make env` makes from requirements.lock.
# The first Python that is new enough; say which: make env PYTHON=...
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PY := .venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help env demo test check fix bench soak docs lock

help:  ## List the verbs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-7s %s\n", $$1, $$2}'

env: .venv/locked  ## Make .venv with the locked dependencies and this package in it

.venv/locked: requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; say which: make env PYTHON=..."; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@# The lock is complete: without --no-deps, pip would ask for the newest of what a package names with an extra.
	@echo "Installing the locked dependencies into .venv"
	@$(PY) -m pip install --quiet --require-hashes --no-deps --requirement requirements.lock
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: env  ## Start a server, walk one referral through it, serve until interrupted (ONCE=1: leave after the walk)
	@$(PY) -m fhir_server demo $(if $(ONCE),--once)

test: env  ## Run every test, on SQLite and on PostgreSQL
	@$(PY) -m pytest -m "not soak" $(ARGS)

check: env  ## Format, lint, types, import contracts, freshness of the generated pages
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-cache
	@$(PY) -m docs.generate --check

fix: env  ## Format and mend what can be mended by machine
	@$(PY) -m ruff check --fix --quiet . || true
	@$(PY) -m ruff format .

bench: env  ## Measure requests and searches per second beside a floor, on both databases
	@$(PY) -m benchmarks $(ARGS)

soak: env  ## Run the long forms: many kills, long fuzzing, big property runs
	@$(PY) -m pytest -m soak -n 0 $(ARGS)

docs: env  ## Write the generated pages of docs/ anew
	@$(PY) -m docs.generate

lock: env  ## Choose the versions of the dependencies anew
	@.venv/bin/uv pip compile pyproject.toml --quiet --upgrade --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file requirements.lock
