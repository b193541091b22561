# The commands of this project. Everything is installed into .venv; no other installer is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export HF_HUB_DISABLE_TELEMETRY := 1
export MLFLOW_DISABLE_TELEMETRY := true
export DVC_NO_ANALYTICS := 1
# Without bytecode every process compiles what it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install repro test check lock deps rank-models sweep ui precheck retrain gate release drill clean

repro: $(VENV)/installed .dvc/config   ## install if need be, run the pipeline, say what came out
	dvc repro
	@python -m stages.tracking sync
	@python -m stages.summary

install: $(VENV)/installed   ## only what the other targets need

test: $(VENV)/installed   ## all tests, with coverage; in the order of their folders, so that the long ones come first
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered --cov-fail-under=95

check: $(VENV)/installed   ## format, lint, types, layers, spelling
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	codespell

lock: $(VENV)/installed   ## renew constraints.txt from pyproject.toml's ranges
	pip-compile --quiet --all-extras --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-annotate --output-file constraints.txt pyproject.toml
	@sed -i.bak "/^torch==/d" constraints.txt && rm constraints.txt.bak   # its build (CPU, CUDA) is the machine's choice; pyproject.toml pins the version

deps: $(VENV)/installed   ## write the modules that each stage imports into dvc.yaml
	python -m tests.architecture.imports --write

rank-models: $(VENV)/installed   ## which base model suits the prepared data: make rank-models MODELS="A B"
	python -m stages.alignment.ranking $(MODELS)

SWEEP ?= recipes/sweeps/methods.yaml
JOBS ?= 1
sweep: $(VENV)/installed .dvc/config   ## rows of settings times seeds, one table: make sweep SWEEP=FILE JOBS=2 INTO=DOCUMENT.md
	python -m stages.sweep $(SWEEP) --jobs $(JOBS) $(if $(INTO),--into $(INTO))

ui: $(VENV)/installed   ## MLflow in a browser
	python -m stages.tracking ui

precheck: $(VENV)/installed   ## does dvc.lock belong to this commit? needs no data
	python -m stages.gate.precheck

retrain: $(VENV)/installed   ## what CI runs: take what the remote has, run the rest, give back what is new
	dvc pull --allow-missing
	dvc repro --pull prepare
	python -m stages.gate data $${BASELINE:+--baseline "$$BASELINE"}
	dvc repro --pull
	dvc push --run-cache   # the next retraining of the same data and params finds what this one made, whatever the commit
	python -m stages.tracking sync

gate: $(VENV)/installed   ## may the model here replace that of gate.baseline? the report goes to reports/gate
	rm -rf reports/gate
	python -m stages.gate compare --out reports/gate

release: $(VENV)/installed   ## after a merge: the commit's model becomes the champion
	dvc pull
	python -m stages.gate register
	python -m stages.gate promote

drill: $(VENV)/installed   ## six things that happen to a model in use, played through on a small project
	python -m tests.drill --show

clean:   ## remove what tests and tools left behind; outs, cache, checkpoints and records stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis dvc_plots build *.egg-info

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true   # on all cores, which pip does on one; some packages carry files for other Pythons
	touch $@

.dvc/config:
	dvc init --quiet
