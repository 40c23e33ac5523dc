# `make demo` and `make test` install everything that they need on Debian and Ubuntu.
PYTHON ?= python3
VENV ?= .venv
# Two processes, because tests mostly wait for tshark or Elasticsearch. The tests of a file share their set-up.
PYTEST_ARGUMENTS ?= --numprocesses 2 --dist loadfile --no-loadscope-reorder
BIN := $(VENV)/bin

.PHONY: help demo test lint bench native native-if-possible setup clean

help:
	@echo "make demo    index the sample captures into a local index and search it"
	@echo "make test    run all tests, against a real tshark and a real Elasticsearch"
	@echo "make lint    check style, types and imports"
	@echo "make bench   compare speed and memory with other programs (about an hour), into bench/RESULTS.md"
	@echo "make native  compile the native reader, which is several times faster, for the installed tshark"
	@echo "make setup   install espcap and what it needs into $(VENV)"
	@echo "make clean   delete $(VENV) and the caches of the tools"

setup: $(VENV)/espcap

native: $(VENV)/espcap
	@scripts/packages.sh gcc pkg-config libwireshark-dev libglib2.0-dev
	@$(BIN)/python -m espcap.native

native-if-possible: $(VENV)/espcap
	@$(MAKE) --silent native || echo "Note: continuing without the native reader; the documents are the same, but espcap is slower." >&2

demo: $(VENV)/espcap native-if-possible
	@scripts/demo.sh $(BIN)/espcap

test: $(VENV)/tests native-if-possible
	$(BIN)/python -m pytest $(PYTEST_ARGUMENTS)

lint: $(VENV)/tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/tests native-if-possible
	$(BIN)/python -m bench

$(VENV)/bin/python:
	@scripts/packages.sh python3-venv
	$(PYTHON) -m venv $(VENV)

$(VENV)/espcap: pyproject.toml $(VENV)/bin/python
	@scripts/packages.sh tshark
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/tests: $(VENV)/espcap
	@scripts/packages.sh curl openssl libzstd1 iproute2 iputils-ping zstd lz4 tcpdump
	@scripts/packages.sh man-db || echo "Note: without man the test of the man page is skipped." >&2
	@scripts/packages.sh chromium || echo "Note: without Chromium the tests that need a browser are skipped." >&2
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
