# `make demo` and `make test` need Python >= 3.11 and a network the first time; nothing else.
# Each sets up what it lacks (tools/setup.sh) and is quick when run again.

.DEFAULT_GOAL := help
.PHONY: help demo test check format contracts clean
export PATH := $(CURDIR)/.venv/bin:$(PATH)

PYTHON := .venv/bin/python
SETUP := @sh tools/setup.sh
ARGS :=

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 20

demo: ## set up and run a whole trade on real images (make demo ARGS="--out DIR")
	$(SETUP) demo sandbox
	@.venv/bin/visdm demo $(ARGS)

test: check ## set up, check, then run every test (ARGS are pytest's)
	$(SETUP) dev node sandbox
	@$(PYTHON) -m pytest $(ARGS)

check: ## format, lint, types, layers, dependencies, documents
	$(SETUP) dev
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports
	@$(PYTHON) -m deptry src
	@$(PYTHON) tools/check_docs.py

format: ## lay out the Python source and mend what ruff can
	$(SETUP) dev
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .

contracts: ## compile contracts/src into src/visdm/contracts
	$(SETUP) node
	@node contracts/build.mjs

clean: ## remove what was set up and built
	rm -rf .venv node_modules build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
