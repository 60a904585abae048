# `make demo` and `make test` need Python >= 3.11 and a network the first time; nothing else.
# Each sets up what it lacks (tools/setup.sh) and is quick when run again.

.DEFAULT_GOAL := help
.PHONY: help demo test test-kubo check format contracts forge gas fuzz fuzz-parsers properties coverage analyse prove kills clean
export PATH := $(CURDIR)/.venv/bin:$(PATH)

PYTHON := .venv/bin/python
SETUP := @sh tools/setup.sh
FORGE := node_modules/.bin/forge
UNCHECKED := FORGE_SNAPSHOT_CHECK=false # where gas differs: other settings, or new numbers
ARGS :=

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

demo: ## set up and run a whole trade on real images (make demo ARGS="--out DIR")
	$(SETUP) demo sandbox
	@.venv/bin/visdm demo $(ARGS)

test: check ## set up, check, then run every test (ARGS are pytest's; with any, forge is left out)
	$(SETUP) dev forge sandbox
ifneq ($(ARGS),)
	@$(PYTHON) -m pytest $(ARGS)
else
	@$(FORGE) test
	@$(PYTHON) -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m 'not alone'
	@$(PYTHON) -m pytest -m alone $$(grep -rl --include='test_*.py' pytest.mark.alone tests)
endif

test-kubo: export VISDM_KUBO ?= http://127.0.0.1:5001
test-kubo: ## try the stores on a running IPFS node (VISDM_KUBO=http://127.0.0.1:5001)
	$(SETUP) dev
	@$(PYTHON) -m pytest tests/kubo tests/ports/test_blob_store.py $(ARGS)

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

forge: ## run the tests of the contracts alone (ARGS are forge's: ARGS="--match-test vote -vvv")
	$(SETUP) forge
	@$(FORGE) test $(ARGS)

gas: ## write what calls cost into contracts/gas; commit the result
	$(SETUP) forge
	@rm -rf contracts/gas
	@$(UNCHECKED) FORGE_SNAPSHOT_EMIT=true $(FORGE) test --match-contract GasTest

# A seed that fails is tried again with: make fuzz SEED=...
fuzz: SEED := $(shell date +%s)
fuzz: ## the contracts' properties and invariants with other inputs, for about an hour
	$(SETUP) forge
	@echo "fuzz: SEED=$(SEED)"
	@FOUNDRY_PROFILE=deep $(UNCHECKED) $(FORGE) test --fuzz-seed $(SEED) \
		--match-test '^invariant|\(.+\)$$' $(ARGS)

fuzz-parsers: FUZZ_SECONDS := 1800
fuzz-parsers: ## what reads archives and grants, for half an hour each (FUZZ_SECONDS=60)
	$(SETUP) dev
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTHON) -m pytest -m fuzz $(ARGS) tests/fuzz

kills: KILLS := 200
kills: ## kill a provider two hundred times, at its steps and at random (KILLS=50), for half an hour
	$(SETUP) dev sandbox
	@VISDM_KILLS=$(KILLS) $(PYTHON) -m pytest -rP $(ARGS) tests/kills/test_provider_kills.py

properties: ## the rules of the domain on 2,000 examples each, where make test takes 50
	$(SETUP) dev
	@$(PYTHON) -m pytest --hypothesis-profile many --timeout 3600 --numprocesses auto \
		tests/unit/domain tests/unit/demo $(ARGS)

coverage: ## which branches of contracts/src no test takes (lcov in build/coverage)
	$(SETUP) dev forge
	@mkdir -p build/coverage
	@FOUNDRY_PROFILE=coverage $(UNCHECKED) FOUNDRY_OUT=build/coverage/out \
		FOUNDRY_CACHE_PATH=build/coverage/cache $(FORGE) coverage --no-match-test shipped \
		--no-match-contract 'Size|Gas' \
		--report summary --report lcov --report-file build/coverage/lcov.info
	@$(PYTHON) tools/check_coverage.py build/coverage/lcov.info

# Both tools build what they read, with more output than the tests need: into folders of their own.
# Left out: locals that start as zero, as the language says; the time, which deadlines need; calls in
# loops, which go to our own catalog; assembly, each piece of which says why and has its tests.
analyse: export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
analyse: ## look for known mistakes in contracts/src (forge lint, slither)
	$(SETUP) forge slither
	@$(FORGE) lint contracts/src
	@FOUNDRY_OUT=build/slither/out FOUNDRY_CACHE_PATH=build/slither/cache \
		build/tools/slither/bin/slither . --fail-low --filter-paths 'node_modules|contracts/test' \
		--exclude uninitialized-local,timestamp,calls-loop,assembly $(ARGS)

prove: export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
prove: ## prove the functions check_* of contracts/prove for all inputs (halmos)
	$(SETUP) forge halmos
	@FOUNDRY_OUT=build/halmos/out FOUNDRY_CACHE_PATH=build/halmos/cache \
		FOUNDRY_DYNAMIC_TEST_LINKING=false FOUNDRY_TEST=contracts/prove \
		build/tools/halmos/bin/halmos --function check_ --forge-build-out build/halmos/out $(ARGS)

clean: ## remove what was set up and built
	rm -rf .venv node_modules build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
