# What there is to run, from a fresh checkout on. The environment is made once, in .venv, and again when pyproject.toml
# changes; `make` alone lists the targets. PYTHON=python3.12 chooses the interpreter, OUT= where the example writes.

PYTHON ?= python3
OUT ?= out
ENV := .venv
BIN := $(ENV)/bin
PYTEST := $(BIN)/python -m pytest -n auto

.DEFAULT_GOAL := help
.PHONY: help example test quick full lint docs bench package clean

help:
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

example: $(ENV)/has-examples ## fits q to p by three divergences and draws what each finds (half a minute)
	@echo "Three fits of q to a target of handwritten digits: half a minute, most of it compiling."
	$(BIN)/python examples/fit_q_to_p.py --out $(OUT)

test: $(ENV)/has-test ## every test in its short form (about ten minutes on two cores)
	@echo "The tests, on all cores: about ten minutes on two of them."
	$(PYTEST)

quick: $(ENV)/has-test ## the tests that answer in a minute or two
	$(PYTEST) -m quick

full: $(ENV)/has-full ## every test over all its points (hours)
	$(PYTEST) --full

lint: $(ENV)/has-test ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# In an environment of its own, so that nothing the site needs can hide what is missing from the test extra.
docs: $(ENV)/docs/has-docs ## the site, into site/ (two minutes)
	NO_MKDOCS_2_WARNING=1 $(ENV)/docs/bin/mkdocs build --strict

bench: $(ENV)/has-bench ## accuracy and speed beside other libraries
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/rows.py

package: $(ENV)/has-package ## what is uploaded, checked, and imported from a bare environment (a minute)
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*
	.ci/bare-wheel dist/*.whl $(PYTHON)

clean: ## away with the environment and all that was built
	rm -rf $(ENV) build dist out site .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@echo "An environment in $(ENV), once."
	$(PYTHON) -m venv $(ENV)

# Each file says that the packages of an extra are there.
$(ENV)/has-%: pyproject.toml | $(BIN)/python
	@echo "The packages of the extra '$*' into $(ENV), once: one to four minutes, by the network."
	$(BIN)/pip install --quiet --editable ".[$*]"
	@touch $@

# Those of `full` come on top of those of the tests.
$(ENV)/has-full: $(ENV)/has-test

$(ENV)/has-package: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet build twine
	@touch $@

$(ENV)/docs/has-docs: pyproject.toml
	@echo "An environment for the site in $(ENV)/docs, once: a minute or two."
	$(PYTHON) -m venv $(ENV)/docs
	$(ENV)/docs/bin/pip install --quiet --editable ".[docs]"
	@touch $@
