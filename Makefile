# make run      set up, run the demonstration, print the path of its report
# make test     set up, run the tests
# make check    formatting, lint, strict types, import layers, docs
# make install  set up .venv and nothing else
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
export OMP_NUM_THREADS ?= 1

.PHONY: install run test slow check format lint types layers docs write-docs clean
.DEFAULT_GOAL := run

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "pauca needs Python 3.11 or newer; got $$($(PYTHON) --version). What to do: make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

run: $(STAMP)
	$(BIN)/pauca demo

test: $(STAMP)
	$(BIN)/python -m pytest -q -n auto --dist worksteal

slow: $(STAMP)
	$(BIN)/python -m pytest -q -m slow

check: format lint types layers docs

format: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports --no-cache

docs: $(STAMP)
	$(BIN)/python tools/docs.py --check

write-docs: $(STAMP)
	$(BIN)/python tools/docs.py

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
