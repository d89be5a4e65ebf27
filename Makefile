# make run: set everything up and start the demo; make test: set everything up and run the tests.
.POSIX:
.PHONY: setup run test slow long cover lint docs format faults compose-test hosts-test models-test soak fuzz fuzz-photos corpus pictures bench load lock pin-images sbom licences clean

VENV = .venv
PY = $(VENV)/bin/python
# PYTEST="-k cancel" runs a part.
PYTEST =
# Test processes side by side, each file in one of them: they wait more than they compute.
PROCESSES = 3

setup:
	@sh scripts/setup.sh

run: setup
	@$(VENV)/bin/weft up --demo

test: setup
	@$(PY) -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder -m "not long and not slow" $(PYTEST)

# Tests of many seconds each, which every change runs as well.
slow: setup
	@$(PY) -m pytest -n $(PROCESSES) --dist loadfile -m "slow and not long" tests/unit tests/integration tests/browser $(PYTEST)

# Tests that take minutes, but for the faults.
long: setup
	@$(PY) -m pytest -m long tests/unit tests/integration tests/browser $(PYTEST)

# Tests with the share of lines that they run; nothing fails for it.
cover: setup
	@$(PY) -m pytest -n $(PROCESSES) --dist loadfile -m "not long" --cov=shared --cov=web --cov=worker --cov=scripts --cov-report=term $(PYTEST)

lint: setup
	@sh scripts/check_lua.sh
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy

docs: setup
	@$(PY) -m scripts.reference
	@$(PY) -m web.access.openapi

format: setup
	@$(VENV)/bin/ruff check --fix --quiet .
	@$(VENV)/bin/ruff format --quiet .

# Every fault so many times: FAULT_RUNS=1 is the quick way. A table, and build/faults.json.
faults: setup
	@FAULT_RUNS=$${FAULT_RUNS:-10} $(PY) -m pytest tests/faults $(PYTEST)

# The containers of docker-compose.yml, built and run; skipped where no Docker engine is.
compose-test: setup
	@$(PY) -m pytest -v -s tests/compose $(PYTEST)

# Every architecture of docs/models.md, converted and compared again: an hour or more.
models-test: setup
	@$(PY) -m pytest -v tests/models $(PYTEST)

# Three machines as network namespaces: needs root. HOSTS_PHOTOS=2000 PYTEST="-k two_workers" measures two workers beside one.
hosts-test: setup
	@$(PY) -m pytest -v -s tests/hosts $(PYTEST)

# Random faults for MINUTES; the same SEED strikes the same blows.
SEED = $$(date +%s)
MINUTES = 60
soak: setup
	@$(PY) -m tests.faults.soak --seed $(SEED) --minutes $(MINUTES)

# Mutated photos through the decode pool; the same SEED makes the same ones.
COUNT = 10000
fuzz-photos: setup
	@$(PY) -m scripts.lab.fuzz_photos --count $(COUNT) --seed $(SEED)

# Made-up requests of every kind at a server of its own, COUNT of them, by its OpenAPI document; the same SEED makes the same ones.
fuzz: setup
	@$(PY) -m scripts.lab.fuzz --count $(COUNT) --seed $(SEED)

# Any folder of files through Weft and Chromium: where they differ.
DIR = .
corpus: setup
	@$(PY) -m scripts.lab.corpus $(DIR)

# The README's pictures, of a demo of its own in Chromium.
pictures: setup
	@$(PY) -m scripts.lab.pictures

bench: setup
	@$(VENV)/bin/weft bench

# Slow and many clients on a server of its own: how long the others wait, and its memory over REQUESTS requests.
SECONDS = 60
REQUESTS = 20000
load: setup
	@$(PY) -m scripts.lab.load --seconds $(SECONDS) --requests $(REQUESTS)

# The tested versions of everything with their hashes, for every platform; run the tests before you commit them.
# LOCK= keeps the versions that stand there.
LOCK = --upgrade
lock: setup
	@sh scripts/lock.sh $(LOCK)

# The digests of the base images, into .env, which docker compose reads.
pin-images:
	@sh scripts/pin_images.sh

# What is inside, as CycloneDX: build/sbom-python.json, build/sbom-web.json.
sbom: setup
	@sh scripts/sbom.sh

# docs/licences.md: what the packages of the lock say of their licences.
licences: setup
	@$(PY) -m scripts.licences

clean:
	@rm -rf $(VENV) build web/static/vendor .pytest_cache .mypy_cache .ruff_cache .hypothesis
