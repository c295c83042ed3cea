# The two commands: `make demo` and `make test`. Each sets everything up on its own.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO_READY := $(VENV)/.ready-demo
PIP := $(BIN)/python -m pip install --quiet --upgrade-strategy only-if-needed -c constraints.txt

.PHONY: demo test test-all test-data check zoo-data bench-live bench-zoo bench-frameworks bench-memory bench-replay clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[torch,lightning,transformers,keras-jax,zoo,dev]'
	touch $(READY) $(DEMO_READY)

# The demo needs PyTorch and scikit-learn's digits alone, which are minutes less to install.
$(DEMO_READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[torch]' 'scikit-learn>=1.4,<2'
	touch $(DEMO_READY)

demo: $(DEMO_READY)
	$(BIN)/rightbatch tune digits --budget 75s --threads 1 --report rightbatch-demo.html

# Two files at a time: most tests wait for child processes of one thread.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
test: $(READY) test-data
	$(PYTEST)

# With those that are too long for every day; what came of it is in the results.
test-all: $(READY) test-data
	timeout --signal=INT 3h $(PYTEST) -m '' --summary benchmarks/results/tests/last.txt

# Tests skip without the data that cannot be brought here; `fetch` has said which and why.
test-data: $(READY)
	@$(BIN)/rightbatch fetch || { test $$? -eq 2 && echo "The tests that need them will skip." >&2; }

# Data of the built-in workloads, in RIGHTBATCH_DATA or the user's cache; what is there stays.
zoo-data: $(READY)
	$(BIN)/rightbatch fetch

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Hours of one core the first time; runs that are already in benchmarks/results are not made again.
CASES := digits-sgd digits-adam fashion-mnist-sgd fashion-mnist-adam
bench-live: $(READY)
	for case in $(CASES); do $(BIN)/python benchmarks/live/truth.py $$case || exit; done
	for case in $(CASES); do $(BIN)/python benchmarks/live/speed.py $$case || exit; done
	for case in $(CASES); do $(BIN)/python benchmarks/live/tune.py $$case || exit; done
	for case in $(CASES); do $(BIN)/python benchmarks/live/retrain.py $$case || exit; done
	$(BIN)/python benchmarks/live/table.py

# Every task, cheap ones first; hours of one core, resumable: what is in benchmarks/results stays.
# `digits` is in the table too: it is the case digits-sgd of bench-live.
TASKS := diamonds keras-digits keras-diamonds fashion-mnist text-classification language-model \
  style-transfer segmentation detection
ZOO := benchmarks/results/zoo
bench-zoo: $(READY) zoo-data
	for task in $(TASKS); do \
	  test -f $(ZOO)/tune-$$task.csv || $(BIN)/python benchmarks/live/tune.py $$task || exit; \
	  test -f $(ZOO)/speed-$$task.csv || $(BIN)/python benchmarks/live/speed.py $$task || exit; \
	  $(BIN)/python benchmarks/live/truth.py $$task || exit; \
	  $(BIN)/python benchmarks/live/retrain.py $$task || exit; \
	done
	$(BIN)/python benchmarks/live/zoo_table.py

# The same network in PyTorch, TensorFlow and JAX: minutes on a quiet machine, resumable likewise.
bench-frameworks: $(READY)
	$(BIN)/python benchmarks/frameworks/compare.py memory speed

# The rivals' own environment; the package comes along, for the processes that hold the limit.
RIVALS := .venv-rivals
$(RIVALS)/.ready: benchmarks/requirements.txt constraints.txt
	$(PYTHON) -m venv $(RIVALS)
	$(RIVALS)/bin/python -m pip install --quiet -c constraints.txt -r benchmarks/requirements.txt -e '.[torch]'
	touch $@

# Hours of one core on a quiet machine with 10 GiB free; what is already in benchmarks/results is kept.
# Case by case, so that a run that is stopped leaves whole cases.
MODELS := cnn resnet unet transformer lstm embedding
MEMORY_CASES := $(foreach limit,2GiB 4GiB 8GiB,$(addsuffix -$(limit),$(MODELS)))
bench-memory: $(READY) $(RIVALS)/.ready
	for case in $(MEMORY_CASES); do \
		$(BIN)/python benchmarks/memory/ours.py $$case && \
		$(RIVALS)/bin/python benchmarks/memory/rivals.py $$case && \
		$(BIN)/python benchmarks/memory/truth.py $$case && \
		$(BIN)/python benchmarks/memory/predicted.py $$case || exit; \
	done
	$(BIN)/python benchmarks/memory/table.py

# The recorded studies are in the folder that RIGHTBATCH_TRACES names; minutes of one core.
BENCH := .venv-replay
$(BENCH)/.ready: pyproject.toml constraints.txt benchmarks/replay/requirements.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet -c constraints.txt -e . -r benchmarks/replay/requirements.txt
	touch $@

bench-replay: $(BENCH)/.ready
	OMP_NUM_THREADS=1 $(BENCH)/bin/python benchmarks/replay/run.py

clean:
	rm -rf $(VENV) $(RIVALS) $(BENCH) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
