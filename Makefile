# Everything runs in .venv, which the first target that needs it makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: venv venv-train demo pictures test lint bench clean

venv: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]' --constraint constraints.txt
	touch $@

# Torch first and by its own name: asked for by another package, pip would take a build with CUDA.
venv-train: $(VENV)/.ready-train

$(VENV)/.ready-train: $(VENV)/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check torch --constraint constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,train,translate]' --constraint constraints.txt
	touch $@

demo: venv
	$(BIN)/dicomnode demo --out demo-results

# The pictures of README and docs, after a change of how results look.
pictures: venv
	$(BIN)/python bench/pictures.py

# tests/conftest.py says how many processes.
test: venv
	$(BIN)/pytest --numprocesses auto --dist worksteal

# Fills the parts of docs/*.md that come from the program: settings, commands, figures, DICOM tables.
.PHONY: docs
docs: venv
	$(BIN)/python -m docs.generate

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: venv
	$(BIN)/python bench/receive.py

clean:
	rm -rf $(VENV) build dist *.egg-info demo-results
