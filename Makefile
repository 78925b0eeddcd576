# Bare `make` lists what there is. Everything runs from .venv, which the first target makes.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test cover check deep bench docs ui sbom advisories clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
WORKSPACE ?= workspace
HOUSEHOLDS ?= 10000
SEED ?= 1
SERVE ?= 1
ONLY ?=
SLOW ?=
PORT ?= 5000

# Quiet, offline and pickle-free, whoever runs it.
export MLFLOW_DISABLE_TELEMETRY := true
export MLFLOW_ALLOW_PICKLE_DESERIALIZATION := false
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION := false
export BENTOML_DO_NOT_TRACK := True
export UV_LINK_MODE ?= copy
# The certificates that the machine trusts, as pip uses them: many councils are behind a proxy of their own.
export UV_SYSTEM_CERTS ?= true

help: ## list what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# uv is four times faster; pip, with the same pins, is the fallback. Byte-code is compiled once, here, the project's own
# too, because every import without it is two to four times slower, and an environment may forbid Python to keep it.
# So are the engine's loops, for a quarter of a minute: else the first `sooner build` stands still for that long.
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Sooner needs Python 3.11 or newer."; exit 2; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv || { rm -rf .venv; echo "Python's venv module is missing: apt-get install python3-venv"; exit 2; }
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt uv || true
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -c constraints.txt -e "$(1)" \
	  || { echo "uv could not install; trying pip ..."; $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e "$(1)"; }
	@$(BIN)/python -m compileall -q -j 0 $(COMPILED)
	@$(BIN)/python -m features.engines.compiled
	@touch $@
endef

COMPILED := charter features training fairness_reports serving borough sooner house benchmarks
DEMO := .[train,link,report]
DEV := .[dev]
DEEP := .[dev,deep]

.venv/.demo: pyproject.toml constraints.txt
	@echo "Installing Sooner into .venv (once) ..."
	$(call install,$(DEMO))

.venv/.dev: pyproject.toml constraints.txt
	@echo "Installing Sooner and its tests' needs into .venv (once) ..."
	$(call install,$(DEV))
	@touch .venv/.demo

.venv/.deep: .venv/.dev
	@echo "Installing what the long tests need besides (once) ..."
	$(call install,$(DEEP))

demo: .venv/.demo ## a fictional borough from extracts to worklist, then serve on 127.0.0.1:3000 (SERVE=0, UNFAIR=signals|labels|both)
	@$(BIN)/sooner demo --workspace $(WORKSPACE) --households $(HOUSEHOLDS) --seed $(SEED) \
	  $(if $(UNFAIR),--unfair $(UNFAIR)) $(if $(filter 0,$(SERVE)),--no-serve)

test: .venv/.dev check ## every check and test that should pass before a change lands (SLOW=1 shows the slowest twenty)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not deep" $(if $(SLOW),--durations=20)

cover: .venv/.dev ## the tests of `make test` once more, noting what of the product they run (house/limits.toml says what is enough)
	@rm -rf build/covered
	@SOONER_COVERED=$(CURDIR)/build/covered PYTHONPATH=$(CURDIR)/house/covered \
	  $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not deep"
	@$(BIN)/python -m house.covering build/covered

check: .venv/.dev ## formatting, lint, types, imports, and documents that lag behind the code
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python docs --check
	@$(BIN)/python -m house.shape > /dev/null
	@$(BIN)/python -m benchmarks.readme --check

deep: .venv/.deep ## long fuzzing, fault drills and simulations (ONLY=name runs one)
	@$(BIN)/python -m pytest -m deep $(if $(ONLY),-k $(ONLY))

bench: .venv/.dev ## benchmarks, each beside its peers, into benchmarks/results.json (ONLY=name runs one)
	@$(BIN)/python -m benchmarks $(ONLY)

docs: .venv/.dev ## make the generated pages of docs/ again, and the site of all documents in site/
	@$(BIN)/python docs
	@$(BIN)/python -m sphinx -q -W --keep-going -c docs -d build/doctrees . site
	@echo "site/index.html"

# One worker: each imports all of MLflow, and several of them at once keep two cores busy for a minute.
ui: .venv/.demo ## MLflow's pages on 127.0.0.1:5000, for this machine only
	@$(BIN)/mlflow ui --host 127.0.0.1 --port $(PORT) --workers 1 --backend-store-uri sqlite:///$(abspath $(WORKSPACE))/mlflow.db

sbom: .venv/.demo ## what is installed, as CycloneDX 1.6 in build/sbom.json
	@mkdir -p build
	@$(BIN)/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py environment --output-reproducible -o build/sbom.json $(BIN)/python
	@echo "build/sbom.json"

advisories: .venv/.demo ## what is known against the pinned versions (asks an advisory database, so not in `make check`)
	@sed 's/ ;.*//' constraints.txt | $(BIN)/uv tool run --quiet --from pip-audit==2.10.1 pip-audit --no-deps --disable-pip -r /dev/stdin

clean: ## remove what runs leave behind, not what you installed
	@rm -rf $(WORKSPACE) $(WORKSPACE).anchors.jsonl site build .mypy_cache .ruff_cache .pytest_cache .hypothesis
