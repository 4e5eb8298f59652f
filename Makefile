# One door to everything: `make help`. A virtual environment of your own: `make run VENV=/tmp/ebb-venv`.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV ?= .venv
PYTHON ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The only place where the least branch coverage of the suite is written down.
COVERAGE_FLOOR ?= 85

# Narrows the tests: make test ARGS="tests/governance -x" COVERAGE_FLOOR=0
ARGS ?=
# How often `make bench` measures, and files of how many events; `make bench-sweep`, and vaults of how many rows.
ROUNDS ?= 5
SIZES ?= 200000,1000000

# Prism comes from the same release of Beam as the Python package; it is kept outside the work tree.
BEAM := $(shell sed -n 's/.*"apache-beam==\([0-9.]*\)".*/\1/p' setup.py)
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/ebb
PRISM := $(CACHE)/prism
FUZZ := $(CACHE)/fuzz
FUZZ_SECONDS ?= 600
ATHERIS := 3.0.0
HARNESSES ?= decode mapping policy
PRISM_BUILT := $(CACHE)/prism-v$(BEAM).built

LOCK := PYTHONWARNINGS=ignore $(BIN)/pip-compile --quiet --no-build-isolation --generate-hashes --strip-extras --allow-unsafe --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --newline=lf

.PHONY: help setup run test test-kill check fuzz bench bench-sweep bench-text lock schemas prism clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.runtime ## Install what ebb needs to run, as locked, into VENV (.venv)
	@echo "ready: $(BIN)/ebb"

run: $(VENV)/.runtime ## Show ebb at work on synthetic events, from the first line to a query
	@"$(BIN)/ebb" demo

test: $(VENV)/.dev ## Run every test, with branch coverage and its floor
	"$(BIN)/python" -m pytest --cov --cov-branch --cov-report=term --cov-fail-under=$(COVERAGE_FLOOR) $(ARGS)

test-kill: $(VENV)/.dev ## Kill everything at every moment and print the table of figures (needs the emulator and Prism)
	"$(BIN)/python" -m pytest tests/kill -q

check: $(VENV)/.dev ## Lint, format, types and the direction of imports
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/mypy"
	PATH="$(abspath $(BIN)):$$PATH" lint-imports

bench: $(VENV)/.dev ## Measure throughput beside a hand-written script ($EBB_BENCH); ROUNDS=1 SIZES=200000 is quick
	"$(BIN)/python" -m tests.benchmarks.throughput --rounds $(ROUNDS) --sizes $(SIZES) $(ARGS)

bench-sweep: ROUNDS = 3
bench-sweep: SIZES = 1000000,10000000
bench-sweep: $(VENV)/.dev ## Measure a sweep beside plain Delta and SQL; ROUNDS=1 SIZES=100000,1000000 is quick
	"$(BIN)/python" -m tests.benchmarks.sweep --rounds $(ROUNDS) --sizes $(SIZES) $(ARGS)

fuzz: $(FUZZ)/.atheris ## Fuzz decoding, mappings and policies with atheris, FUZZ_SECONDS (600) each, at the lowest priority
	@for harness in $(HARNESSES); do \
		echo "fuzzing $$harness for $(FUZZ_SECONDS) seconds; its corpus and findings are in $(FUZZ)/$$harness"; \
		mkdir -p "$(FUZZ)/$$harness"; \
		PYTHONPATH="$(CURDIR):$$("$(BIN)/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
			nice -n 19 "$(FUZZ)/bin/python" -m "tests.fuzz.harness_$$harness" "$(FUZZ)/$$harness/corpus" \
			-max_total_time=$(FUZZ_SECONDS) -timeout=30 -rss_limit_mb=2048 -dict=tests/fuzz/words.dict \
			-print_final_stats=1 -verbosity=0 -artifact_prefix="$(FUZZ)/$$harness/"; \
	done

bench-text: $(VENV)/.dev ## Measure the detection of personal data in text, beside Presidio's
	"$(BIN)/python" -m tests.benchmarks.text.bench $(ARGS)

lock: $(VENV)/.dev ## Write the locked requirements anew, from setup.py and requirements*.in
	$(LOCK) --output-file requirements.txt requirements.in setup.py
	$(LOCK) --output-file requirements-dev.txt requirements-dev.in

schemas: $(VENV)/.runtime ## Write the JSON schemas of packs and inventories anew, for editors
	"$(BIN)/python" -m governance.policy.schema

prism: $(PRISM_BUILT) ## Build Beam's Prism runner into the cache (needs Go; about four minutes)
	@echo "$(PRISM)"

clean: ## Remove caches and build products; the virtual environment and .ebb stay
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	find governance transforms retention pipelines tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@for candidate in $(PYTHON) python3.11 python3; do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "making $(VENV) with $$("$$candidate" --version)"; \
			exec "$$candidate" -m venv "$(VENV)"; \
		fi; \
	done; \
	echo "ebb needs Python 3.11 or newer, and neither python3.11 nor python3 is that." >&2; \
	echo "Install Python 3.11, or name one: make setup PYTHON=/path/to/python3.11" >&2; \
	exit 1

# Stamps: an unchanged lock is not installed twice. A lock is whole, so pip resolves nothing (--no-deps): asked to, it
# refuses the lock from the day on which a package that another wants with an extra has a newer release.
$(VENV)/.runtime: requirements.txt setup.py pyproject.toml | $(VENV)/bin/python
	@echo "installing the locked requirements; the first time takes about a minute"
	$(PIP) install --no-deps --require-hashes -r requirements.txt
	PYTHONWARNINGS=ignore $(PIP) install --no-deps --no-build-isolation -e .
	$(PIP) check
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	$(PIP) install --no-deps --require-hashes -r requirements-dev.txt
	$(PIP) check
	@touch $@

# atheris is no dependency: it lives in a virtual environment in the cache, and sees the packages of VENV.
$(FUZZ)/.atheris: | $(VENV)/.dev
	"$(BIN)/python" -m venv "$(FUZZ)"
	"$(FUZZ)/bin/python" -m pip --disable-pip-version-check --quiet install atheris==$(ATHERIS)
	@touch "$@"

$(PRISM_BUILT):
	@command -v go >/dev/null || { echo "Prism is built with Go, and there is no go here: install Go 1.26 or newer" >&2; exit 1; }
	@mkdir -p "$(CACHE)"
	GOBIN="$(CACHE)" go install github.com/apache/beam/sdks/v2/go/cmd/prism@v$(BEAM)
	@rm -f "$(CACHE)"/prism-v*.built
	@touch "$@"
