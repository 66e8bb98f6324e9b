# What a newcomer would type; `make` alone lists it.

PYTHON ?= python3
BIN := .venv/bin
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

.DEFAULT_GOAL := help
.PHONY: help install test lint audit format run demo serve bench pictures lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/installed ## what the tests need, in .venv, in the locked versions

.venv/installed: pyproject.toml requirements-dev.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

test: install ## every test; `make test ARGS=tests/cli` for some
	$(BIN)/pytest --quiet $(ARGS)

lint: install ## style, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: ## known holes in what is locked, where their list can be reached
	$(PYTHON) -m venv .venv-audit && .venv-audit/bin/pip install --quiet pip-audit
	.venv-audit/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock

format: install ## the source as ruff lays it out
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

run: install ## a question about sample events, in the terminal
	$(BIN)/tls-audit ask --sample "last 7d service=s3"

demo: install ## the whole bot in a small Slack of its own, in the browser
	$(BIN)/tls-audit demo

serve: install ## the bot in your Slack, by your settings
	$(BIN)/tls-audit serve

bench: install ## the benchmarks; `make bench NAME=load ARGS=…` runs one
ifdef NAME
	$(BIN)/python -m tests.benchmarks.$(NAME) $(ARGS)
else
	@awk 'FNR == 1 { n = split(FILENAME, path, /[\/.]/); sub(/^"""/, ""); printf "  %-12s %s\n", path[n-1], $$0 }' \
	  tests/benchmarks/*.py
endif

pictures: install ## the documents' pictures, drawn anew
	$(BIN)/python -m docs.picture

lock: install ## the newest versions of everything into the lock files
	$(BIN)/pip install --quiet uv
	$(BIN)/$(LOCK) --upgrade --extra postgres pyproject.toml --output-file requirements.lock
	$(BIN)/$(LOCK) --upgrade --extra dev --constraint requirements.lock pyproject.toml \
	  --output-file requirements-dev.lock

clean: ## away with what the tools left; .venv stays
	rm -rf build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
