# make run: set everything up and start the demo; make test: set everything up and run the tests.
.POSIX:
.PHONY: setup run test cover lint docs format faults soak bench lock clean

VENV = .venv
PY = $(VENV)/bin/python
# PYTEST="-k cancel" runs a part.
PYTEST =

setup:
	@sh scripts/setup.sh

run: setup
	@$(VENV)/bin/weft up --demo

test: setup
	@$(PY) -m pytest -m "not long" $(PYTEST)

# Tests with the share of lines that they run; nothing fails for it.
cover: setup
	@$(PY) -m pytest -m "not long" --cov=shared --cov=web --cov=worker --cov=scripts --cov-report=term $(PYTEST)

lint: setup
	@sh scripts/check_lua.sh
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy

docs: setup
	@$(PY) -m scripts.reference

format: setup
	@$(VENV)/bin/ruff check --fix --quiet .
	@$(VENV)/bin/ruff format --quiet .

# Every fault so many times: FAULT_RUNS=1 is the quick way. A table, and build/faults.json.
faults: setup
	@FAULT_RUNS=$${FAULT_RUNS:-10} $(PY) -m pytest tests/faults $(PYTEST)

# Random faults for MINUTES; the same SEED strikes the same blows.
SEED = $$(date +%s)
MINUTES = 60
soak: setup
	@$(PY) -m tests.faults.soak --seed $(SEED) --minutes $(MINUTES)

bench: setup
	@$(VENV)/bin/weft bench

# The tested versions of everything, for every platform; run the tests before you commit it.
lock: setup
	@$(VENV)/bin/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --quiet --upgrade \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --output-file requirements.lock

clean:
	@rm -rf $(VENV) build web/static/vendor .pytest_cache .mypy_cache .ruff_cache .hypothesis
