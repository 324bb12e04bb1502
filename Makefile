# Every target works in a fresh clone; `make env` is part of each that needs the environment.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python3.10 python,\
	$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null && echo $(name))))
BIN := .venv/bin
# Further arguments: make demo ARGS=--smoke, make test ARGS="tests/data -x"
ARGS ?=
# Files of tests are shared out among that many processes, of 2 to 3 GiB each. With more threads for
# matrix products than cores they would wait for each other most of the time. The files keep their
# order: by number of tests, the long pipelines with few tests would come last, and end alone.
JOBS ?= 2
# GPU=1 adds CUDA's libraries to the environment of the TFX 1.21 stack.
GPU ?=

.PHONY: help env kfp torch docs demo test lint format lock fuzz test-cluster test-debian13 test-processors test-image clean
.DEFAULT_GOAL := help

help:  ## say what there is
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## */  make \1\t/' | expand -t 22

env:  ## make .venv from the locked stack of this machine (nothing to do: no cost)
	@$(or $(PYTHON),$(error no Python 3 found; install one of 3.10 to 3.13)) requirements/make_env.py $(if $(GPU),--gpu)

demo: env  ## run the whole pipeline on generated scenes; leaves models and a report
	@$(BIN)/tuwen run demo $(ARGS)

test: env  ## run the tests
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: env  ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: env  ## let ruff put the source in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock:  ## resolve both stacks anew (ARGS=--upgrade: newest versions that fit)
	@$(PYTHON) requirements/make_lock.py $(ARGS)

kfp: env  ## make .tools/kfp, Kubeflow's own SDK, which some tests load compiled pipelines with
	@$(BIN)/python requirements/make_tool.py kfp

torch: env  ## make .tools/torch, PyTorch for the CPU, which benchmarks/training_steps.py compares with
	@$(BIN)/python requirements/make_tool.py torch

docs:  ## build the documentation site into build/docs; a warning is an error
	@$(or $(PYTHON),$(error no Python 3 found; install one of 3.10 to 3.13)) requirements/make_tool.py docs
	@NO_MKDOCS_2_WARNING=1 .tools/docs/bin/python -m mkdocs build --strict

# How long each fuzz test sends random input; `make test` gives each 20 seconds.
FUZZ_SECONDS ?= 3600

fuzz: env  ## send random input to the server and the like for an hour each (FUZZ_SECONDS=60, ARGS)
	@TUWEN_FUZZ_SECONDS=$(FUZZ_SECONDS) TUWEN_FUZZ_SEED=$${TUWEN_FUZZ_SEED:-$$(date +%s)} OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest tests/fuzz $(ARGS)

test-cluster: kfp  ## run a compiled pipeline node by node beside the local run (some seven minutes)
	@$(BIN)/python -m pytest -m cluster tests/e2e/dry_run_test.py
	@$(BIN)/python -m pytest tests/pipeline/cluster/kfp_test.py

test-debian13:  ## run the tests with the other stack in a Debian 13 root (needs root; CMD="..." runs that)
	@requirements/debian13.sh $(CMD)

# The kernels of other processors and another number of threads, one setting a word, `,` between
# variables. Mixed precision cannot be tried so: TensorFlow asks the processor itself for bfloat16.
PROCESSORS := TF_ENABLE_ONEDNN_OPTS=1 TF_ENABLE_ONEDNN_OPTS=0 \
	TF_ENABLE_ONEDNN_OPTS=1,ONEDNN_MAX_CPU_ISA=AVX2 TF_ENABLE_ONEDNN_OPTS=0,ONEDNN_MAX_CPU_ISA=AVX2 \
	TF_NUM_INTRAOP_THREADS=1

test-processors: env  ## run the tests marked `processor` with and without oneDNN, with AVX2 alone, on one thread
	@set -e; for settings in $(PROCESSORS); do echo "== $$settings"; \
		env $$(echo $$settings | tr , ' ') $(BIN)/python -m pytest -q -m processor $(ARGS) tests/trainer; done

test-image:  ## build the container image in Debian 13 roots and run its smoke command (needs root)
	@$(PYTHON) requirements/image.py run demo --smoke

clean:  ## remove the environment, tools and caches (runs/ stays)
	rm -rf .venv .tools .hypothesis .mypy_cache .ruff_cache .pytest_cache build *.egg-info
	find data trainer components pipeline tests requirements -name __pycache__ -prune -exec rm -rf {} +
