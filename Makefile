# make campaign   set up, fuzz Inductor, TVM, ONNX Runtime and misfold's own compiler for five minutes, list what was found
#                 (TIME=30m, SEED=7, TARGETS=tvm,inductor, FOLDER=campaigns/mine change that)
# make test       set up, check style and types, run the tests
# make lint       set up, check style and types
#
# PYTHON=python3.12 chooses the Python that the virtual environment is made with; it takes 3.11 or later.

PYTHON ?= python3
VENV ?= .venv
TIME ?= 5m
SEED ?=
TARGETS ?=
FOLDER ?=
# Processes that run tests: one for each core. A file's tests stay in one, since they share campaigns and servers.
JOBS ?= auto

BIN := $(VENV)/bin
READY := $(VENV)/.ready
ROOMS := $(filter-out tests benchmarks,$(patsubst %/__init__.py,%,$(wildcard */__init__.py)))

# Compiled modules are kept, whatever the environment says: hundreds of short processes import the same ones.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup campaign test lint clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

setup: $(READY)

# The stamp is written last: an installation that was interrupted is taken up again.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'misfold needs Python 3.11 or later, and $(PYTHON) is not: try make PYTHON=python3.12' >&2; exit 1; }
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { \
	    echo 'No virtual environment could be made: is the venv module installed (python3-venv on Debian)?' >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[compiler,coverage,dev,tvm,onnxruntime]'
	@touch $@

campaign: $(READY)
	$(BIN)/misfold run --time $(TIME) $(if $(SEED),--seed $(SEED)) $(if $(TARGETS),--targets $(TARGETS)) \
	    $(if $(FOLDER),--folder $(FOLDER))

test: lint
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(addprefix -p misfold.,$(ROOMS))

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
