# Two commands matter: `make lab` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/complete
BENCH_OUT := build/bench
GPU_OUT := build/gpu
PEERS := build/peers
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)
# Damaged data stop `make lab`; the rest of what `course doctor` finds does not, and takes seconds.
CHECK_DATA := from course_lib.doctor import check_data; found = check_data(); \
  print(found); exit(found.status == "FIX")

.DEFAULT_GOAL := help
.PHONY: help setup lab test test-all notebooks validate bench gpu browser lint lock

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

setup: $(READY) ## make .venv from the pinned versions; costs nothing when it is up to date

# The stamp goes first and comes back last: an install that was interrupted starts over.
# No build isolation: setuptools is pinned too, so that a changed pyproject.toml needs no network.
# JupyterLab's announcements are off: they ask for news with a pop-up, and for updates online.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "This course needs Python 3.11 or newer. Choose one: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; exit 1; }
	@test -e $@ || $(PYTHON) -m venv --clear $(VENV)
	@rm -f $@
	$(BIN)/python -m pip install -q "$$(grep '^uv==' requirements.lock)"
	$(BIN)/uv pip install --compile-bytecode --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --no-build-isolation -e .
	@$(BIN)/jupyter labextension disable --level=sys_prefix @jupyter/nbgrader 2>/dev/null # an instructor's menu
	$(BIN)/jupyter labextension disable --level=sys_prefix @jupyterlab/apputils-extension:announcements
	@touch $@

lab: setup ## check the data, then open the course in JupyterLab (LAB_ARGS="--no-browser --port=8899")
	@$(BIN)/python -c '$(CHECK_DATA)'
	$(BIN)/jupyter lab notebooks --LabApp.default_url=/lab/tree/00_start.ipynb \
	  --log-level=WARN $(ROOT_FLAG) $(LAB_ARGS)

test: setup ## unit tests, doctests, and every lesson under nbval
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal
	$(BIN)/course validate

test-all: setup ## as `make test`, each answer on 20 seeds in the place of 5 and behind the wall, each lesson as a script
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal --seeds 20
	$(BIN)/course validate

notebooks: setup ## lessons/ to notebooks/ and solutions/, and from these the pictures of README and first screens
	$(BIN)/course build
	$(BIN)/python images/readme.py
	$(BIN)/python images/first_screens.py
	$(BIN)/course build --no-execute

validate: setup ## every solution under nbval at smoke scale
	$(BIN)/course validate

bench: $(PEERS)/complete ## time our loops beside the peers' (BENCH_OUT=folder for tables, JSON, pictures)
	$(PEERS)/bin/python -m benchmarks.speed --out $(BENCH_OUT)
	$(PEERS)/bin/python -m benchmarks.speed --out $(BENCH_OUT) --threads 0
	$(PEERS)/bin/python -m benchmarks.roofline --out $(BENCH_OUT)
	$(PEERS)/bin/python -m benchmarks.size --out $(BENCH_OUT)
	$(PEERS)/bin/python -m benchmarks.quality --out $(BENCH_OUT)
	$(BIN)/python -m benchmarks.grading --out $(BENCH_OUT)

# Asks for no environment: PYTHON=... where torch, torchvision, einops and matplotlib are, else .venv.
gpu: ## one GPU in one sitting of eight minutes: tests, speed, roofline, IWAE table, lessons (GPU_OUT=folder)
	$(or $(if $(filter file,$(origin PYTHON)),$(wildcard $(BIN)/python)),$(PYTHON)) -m benchmarks.gpu --out $(GPU_OUT)

# The peers that are packages live beside the course's environment, not in it.
$(PEERS)/complete: $(READY) benchmarks/peers.txt
	$(BIN)/uv venv -q --clear --python $(BIN)/python $(PEERS)
	$(BIN)/uv pip install -q --python $(PEERS)/bin/python -r requirements.lock -r benchmarks/peers.txt
	$(BIN)/uv pip install -q --python $(PEERS)/bin/python --no-deps --no-build-isolation -e .
	@touch $@

browser: setup ## every student notebook in JupyterLab and headless Chromium; screenshots in build/
	$(BIN)/pytest -n 2 -m browser tests/browser $(BROWSER_ARGS)

lint: setup ## ruff, check and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lock: setup ## renew requirements.lock from pyproject.toml (LOCK_ARGS=--upgrade for newer versions)
	$(BIN)/uv pip compile --universal --python-version 3.11 --extra dev \
	  --no-annotate --no-header -q pyproject.toml -o requirements.lock $(LOCK_ARGS)
