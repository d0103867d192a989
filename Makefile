# Two commands: `make demo` runs the pipeline on this machine, `make test` passes the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --no-deps

.PHONY: demo test test-jvm faults sweep fuzz chaos soak outages lint bench docs lock clean

demo: $(VENV)/slim  ## the whole pipeline on this machine, with sample data
	@$(BIN)/bictl demo $(ARGS)

test: $(VENV)/full  ## every test that needs no Java
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

test-jvm: $(VENV)/full  ## against a real Kafka, Connect and Debezium; needs Java 17 and Maven
	$(BIN)/pytest -m "jvm and not faults" $(ARGS)

faults: $(VENV)/full  ## every fault of the catalogue, and what others see of it: docs/faults.md
	@rm -f $(FAULTS) $(FAULTS).chance
	-BICTL_FAULTS_RESULTS=$(FAULTS) $(BIN)/pytest -m 'not jvm' -n 2 tests/faults/test_faults.py $(ARGS)
	-BICTL_FAULTS_RESULTS=$(FAULTS) $(BIN)/pytest -m jvm tests/jvm/test_faults_kafka.py tests/jvm/test_faults_source.py $(ARGS)
	-BICTL_FAULTS_RESULTS=$(FAULTS) $(BIN)/pytest -m 'not jvm' -n 2 $(BY_CHANCE) $(ARGS)
	-BICTL_FAULTS_RESULTS=$(FAULTS) $(BIN)/pytest -m jvm tests/jvm/test_healthy_kafka.py $(ARGS)
	@$(BIN)/python tests/faults/table.py $(FAULTS) --markdown > docs/faults.md || true
	@$(BIN)/python tests/faults/table.py $(FAULTS)
	@$(BIN)/python tests/results.py $(FAULTS)
BY_CHANCE := tests/faults/test_composed.py tests/faults/test_life.py tests/faults/healthy
FAULTS := $(abspath $(VENV)/faults.jsonl)

sweep: $(VENV)/full  ## the long sweeps
	$(BIN)/pytest -m sweep $(ARGS)

fuzz: $(VENV)/full  ## looks for bytes that a parser does not survive: make fuzz ARGS="--seconds 60"
	$(BIN)/python tests/fuzz/fuzz.py $(ARGS)

chaos: $(VENV)/full  ## every stage killed at each of its calls, and run again: prints the table
	$(BIN)/pytest -n 2 --dist load -m chaos tests/chaos $(ARGS)

outages: $(VENV)/full  ## every service fault in the middle of every stage, as a table; needs Go
	$(BIN)/pytest tests/outages -m "outages or not outages" $(ARGS)

soak: $(VENV)/full  ## traffic, and kills of stages and services: make soak MINUTES=60 ARGS="--seed 7 --jvm"
	$(BIN)/python tests/chaos/soak.py --minutes $(MINUTES) $(ARGS)
MINUTES ?= 20

lint: $(VENV)/full
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/full  ## every figure of the README, measured on this machine
	@for name in $(BENCHES); do echo "== bench/$$name.py"; $(BIN)/python bench/$$name.py || exit 1; done
BENCHES ?= startup search status doctor trace ingest frontier takeover memory disk load keys ingest_and_load staging embed vectors verify end_to_end

docs: $(VENV)/full  ## docs/commands.md from the commands' own help
	$(BIN)/python docs/commands.py > docs/commands.md

lock: $(VENV)/uv  ## resolves the locks again
	printf "torch ; sys_platform == 'never'\nsentence-transformers ; sys_platform == 'never'\n" > $(VENV)/overrides.txt
	printf "hatchling\neditables\n" > $(VENV)/build.txt
	$(UV) pip compile $(LOCK) --extra demo --extra dev -o requirements/full.txt pyproject.toml
	$(UV) pip compile $(LOCK) --extra demo --overrides $(VENV)/overrides.txt -c requirements/full.txt -o requirements/slim.txt pyproject.toml $(VENV)/build.txt
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/uv: requirements/uv.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not installed"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: bictl needs Python 3.11 or newer; make PYTHON=/path/to/python3.11 …"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/slim: $(VENV)/uv requirements/slim.txt pyproject.toml
	@echo "installing the slim lock into $(VENV) …"
	@$(INSTALL) -r requirements/slim.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/full: $(VENV)/uv requirements/full.txt pyproject.toml
	@echo "installing the full lock into $(VENV) (sentence-transformers brings torch: about 3 GB) …"
	@$(INSTALL) -r requirements/full.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
