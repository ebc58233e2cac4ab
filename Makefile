# Each target does all the set-up it needs: Python 3.11+, make and the package registry are enough.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; done)
BIN := .venv/bin
READY := .venv/ready
BENCH ?= scan
PART ?=
SUITE ?= watcher
SEED ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint bench faults up down services lock schemas clean

demo: $(READY) ## audit a small shop, look at what it finds
	@$(BIN)/python -m examples.demo

test: $(READY) ## every test; services that are not here are skipped
	$(BIN)/pytest -n auto --dist loadgroup

lint: $(READY) ## style, types, import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## BENCH=scan: measure, print a table, write it under benchmarks/results/; PART: some of a pipeline's
	$(BIN)/python -m benchmarks.$(BENCH) $(if $(filter pipeline,$(BENCH)),$(PART))

faults: $(READY) ## SUITE=watcher|pipeline SEED=n: break things; 0 only when nothing was lost or doubled
	$(BIN)/python -m tests.faults.$(SUITE) $(if $(SEED),--seed $(SEED))

up: $(READY) ## the whole pipeline as processes on this machine, as compose.yaml describes it
	@$(BIN)/python -m tests.up up

down: $(READY) ## end what `make up` started
	@$(BIN)/python -m tests.up down

services: $(READY) ## fetch and build the real services that tests run against
	$(BIN)/python -m tests.services

lock: $(READY) ## pin every dependency again, with hashes
	$(BIN)/uv pip compile -q pyproject.toml --universal --generate-hashes --upgrade \
		--extra dev --extra postgres --extra regorus --extra keyless --extra tracing -o requirements/dev.txt
	$(BIN)/uv pip compile -q pyproject.toml --universal --generate-hashes --upgrade \
		--extra postgres --extra regorus --extra keyless --extra tracing -c requirements/dev.txt -o requirements/runtime.txt
	@echo 'hatchling>=1.27' | $(BIN)/uv pip compile -q - --universal --generate-hashes --no-header \
		-c requirements/dev.txt -o requirements/build.txt

schemas: $(READY) ## write what is generated under docs/reference but the engines: schemas, AsyncAPI, commands, lint rules, metrics
	$(BIN)/python -m pipeline.schemas docs/reference/schemas
	$(BIN)/python -m deliverer.asyncapi docs/reference/asyncapi.json
	$(BIN)/python -m cli.report.schema docs/reference/schemas
	$(BIN)/python -m deliverer.file docs/reference/schemas/subscribers.v1.json
	$(BIN)/python -m deliverer.validation_changed docs/reference/schemas
	$(BIN)/python -m evaluator.lint.reference docs/reference/lint.md
	$(BIN)/python -m pipeline.telemetry.reference docs/reference/metrics.md
	$(BIN)/python -m cli.reference docs/reference/cli.md

clean:
	rm -rf .venv .demo

$(READY): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Tocsin needs Python 3.11 or newer; found none on the PATH." >&2; exit 2; }
	@echo "Setting up .venv (once, about a minute) ..."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@
