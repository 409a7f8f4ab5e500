# make run | setup | test | check | lint | count | record | pictures | reproduce | bench | train
# A Python that this project supports: the first of these that runs and is 3.11 or 3.12.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
TRAIN ?= code-model

.PHONY: run setup setup-test test reproduce check lint count record pictures bench train clean

run: setup
	$(BIN)/python app.py

setup: .venv/.ready

setup-test: .venv/.ready-test
	$(BIN)/python tests/chromium.py

# Two workers, each a whole file at a time, in the files' order.
test: setup-test
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Reproduce the figures of every checkpoint, and keep in its meta.json what they rest on.
reproduce: setup-test
	$(BIN)/python -m pytest -m reproduces --reproduce

lint: .venv/.ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

# What one runs every minute: lint, types, the tests of what has changed.
check: .venv/.ready-test
	$(BIN)/python -m house.check

# Lines a lab.
count: .venv/.ready
	$(BIN)/python -m house.count

# What pages open on and cannot compute at once; on a quiet machine, since clocks are among the figures.
record: .venv/.ready
	$(BIN)/python -m house.record

# The gallery's pictures, and the README's.
pictures: setup-test
	$(BIN)/python -m house.pictures

bench: setup-test
	$(BIN)/python -m engine bench

train: setup
	$(BIN)/python -m engine train $(TRAIN)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Orrery needs Python 3.11 or 3.12, with its venv module; none was found." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.ready: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.ready-test: requirements.txt requirements-test.txt | .venv/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-test.txt
	@touch $@

clean:
	rm -rf .venv build
