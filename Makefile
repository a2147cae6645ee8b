# Two commands do everything: `make sentiment` and `make test`. Both build the environment first.
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python
# Much of a test's time is Python's, which one processor does: two processes, each with its own files.
TESTS = $(RUN) -m pytest -p xdist --numprocesses 2 --dist loadfile --no-loadscope-reorder
INDEX = $(shell $(RUN) -m pip config get global.index-url 2>/dev/null)

.PHONY: help sentiment demo pictures test test-more test-long test-native native lint docs wheel half benchmarks requirements clean

help:
	@echo "make sentiment     train the sentiment classifier on real reviews, test it, show predictions"
	@echo "make demo          open a page to try all models out in a browser"
	@echo "make test          check style, types and floors, and run the tests"
	@echo "make test-more     run what else CI runs: browsers, several hosts, benchmarks, further kinds"
	@echo "make test-long     run all tests, also what takes longer: load, every combination, the wheel"
	@echo "make native        build the operation in C++ that runs recurrences faster on a processor"
	@echo "make test-native   run the tests of what the operation is used in, with it"
	@echo "make docs          build the site of the documentation, and run the chapters of the notes"
	@echo "make pictures      take the screenshots of the docs, by the tests of the page"
	@echo "make wheel         build the package, with the models that ship, in dist/"
	@echo "make half MODEL=saved_models/NAME   half the bytes of a model that is to ship"
	@echo "make benchmarks    measure against keras.layers and torch.nn"
	@echo "make requirements  pin in requirements.txt what pyproject.toml asks for"
	@echo "make clean         remove the environment and caches"

sentiment: $(VENV)/installed
	$(RUN) -m tasks.sentiment

demo: $(VENV)/installed
	$(RUN) -m zoo demo

pictures: $(VENV)/installed
	ZOO_PICTURES=docs $(RUN) -m pytest -m more tests/demo/test_page.py

test: lint
	$(TESTS)

test-more: $(VENV)/installed
	$(TESTS) -m "more and not long"

test-long: lint
	$(TESTS) -m ""

native: $(VENV)/installed
	$(RUN) -m zoo.native.build

test-native: native
	$(TESTS) -m 'not long' tests/native tests/layers tests/networks tests/serving/test_formats.py tests/serving/test_operators.py

lint: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy

docs: $(VENV)/installed
	$(VENV)/bin/mkdocs build --strict

wheel: $(VENV)/installed
	$(RUN) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

# Measure it again afterwards: its card tells the figures of what is loaded.
half: $(VENV)/installed
	$(RUN) -c 'from zoo.predictors import presets; presets.halve_weights("$(MODEL)/model.keras")'

benchmarks: $(VENV)/installed-benchmarks
	$(RUN) -m benchmarks.recurrence
	$(RUN) -m benchmarks.sentiment
	$(RUN) -m benchmarks.tagging
	$(RUN) -m benchmarks.language_model
	$(RUN) -m benchmarks.translation
	$(RUN) -m benchmarks.speech
	$(RUN) -m benchmarks.classification --task dna
	$(RUN) -m benchmarks.classification --task video
	$(RUN) -m benchmarks.inference

# What is pinned stays as long as pyproject.toml allows it; remove a line to have its newest release.
requirements: $(RUN)
	$(RUN) -m pip install --quiet uv
	$(VENV)/bin/uv pip compile --quiet --universal $(if $(INDEX),--default-index $(INDEX)) \
		--extra audio --extra demo --extra formats --extra genomics --extra scale --extra serving --extra video --group dev \
		--no-annotate --custom-compile-command "make requirements" \
		--output-file requirements.txt pyproject.toml

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt $(RUN)
	$(RUN) -m pip install --quiet --requirement requirements.txt
	@touch $@

$(VENV)/installed-benchmarks: $(VENV)/installed pyproject.toml
	$(RUN) -m pip install --quiet --requirement requirements.txt --editable ".[benchmarks]"
	@touch $@

clean:
	rm -rf $(VENV) dist site .mypy_cache .pytest_cache .ruff_cache
