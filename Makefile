# Two commands set everything up on a machine with Python >= 3.11 and make:
#   make drill    the audit of the built-in topology "sharepoint": no Docker, no root
#   make test     all tests; those in containers where a Docker engine answers
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help drill test images check lint types docs format bench soak sensitivity oracle wheel release clean

help:
	@sed -n 's/^\([a-z]*\): .*## /  make \1\t/p' $(MAKEFILE_LIST)

drill: $(VENV)/.base        ## audit the built-in topology: break every node, see whether mail flows
	$(BIN)/relaydrill audit sharepoint
	@echo "To use the command: . $(BIN)/activate"

test: $(VENV)/.dev images   ## run all tests; those in containers where a Docker engine answers
	$(BIN)/python -m pytest -n 2

images: $(VENV)/.dev        ## build the images of the Docker lab, if a Docker engine answers
	@if docker info >/dev/null 2>&1; then $(BIN)/relaydrill images build --install; \
	  else echo "No Docker engine answers: the tests in containers will be skipped."; fi

check: lint types docs test    ## everything that must pass before a commit

lint: $(VENV)/.dev          ## formatter (as a check) and linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev         ## strict types, tests included
	$(BIN)/mypy

docs: $(VENV)/.dev          ## build the documentation into build/docs; a broken link is an error
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going docs build/docs

format: $(VENV)/.dev        ## put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev         ## measure speed, as ratios against peers in the same run
	$(BIN)/python -m benchmarks

soak: $(VENV)/.dev          ## 45 minutes of faults, 1000 kills of hubs, 200 of the harness: nothing lost, nothing left
	$(BIN)/python -m tests.soak

sensitivity: $(VENV)/.dev   ## run every defect of the catalogue and 200 healthy drills: caught, and false alarms
	$(BIN)/python -m tests.sensitivity

oracle: $(VENV)/.dev        ## judge 20,000 runs whose truth is known (an hour of one processor)
	$(BIN)/python -m tests.oracle --runs 20000

wheel: $(VENV)/.dev         ## build the wheel and the source distribution
	$(BIN)/python -m build --outdir dist .

release: $(VENV)/.dev docs  ## check all that must be true before a version is handed out
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python -m tests.packaging.release dist

clean:                      ## remove the virtual environment and everything that was built
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Relaydrill needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "no virtual environment could be made; on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.base: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.base
