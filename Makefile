# Two commands do everything: `make sentiment` and `make test`. Both build the environment first.
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python
# Much of a test's time is Python's, which one processor does: two processes, each with its own files.
TESTS = $(RUN) -m pytest --numprocesses 2 --dist loadfile

.PHONY: help sentiment test test-long benchmarks lint clean

help:
	@echo "make sentiment   train the sentiment classifier on real reviews, test it, show predictions"
	@echo "make test        check style and run the tests"
	@echo "make test-long   the same and what takes longer: load on the server, every combination"
	@echo "make benchmarks  measure against keras.layers and torch.nn"
	@echo "make clean       remove the environment and caches"

sentiment: $(VENV)/installed
	$(RUN) -m tasks.sentiment

test: $(VENV)/installed-test lint
	$(TESTS)

test-long: $(VENV)/installed-test lint
	$(TESTS) -m "long or not long"

lint: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

benchmarks: $(VENV)/installed-benchmarks
	$(RUN) -m benchmarks.recurrence
	$(RUN) -m benchmarks.sentiment
	$(RUN) -m benchmarks.tagging
	$(RUN) -m benchmarks.language_model
	$(RUN) -m benchmarks.translation
	$(RUN) -m benchmarks.inference

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt $(VENV)/bin/python
	$(RUN) -m pip install --quiet --requirement $<
	@touch $@

$(VENV)/installed-%: requirements-%.txt requirements.txt $(VENV)/bin/python
	$(RUN) -m pip install --quiet --requirement $<
	@touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
