# What a person types. Everything runs in .venv, which the first target that needs it makes.
VENV := .venv
BIN := $(VENV)/bin
# Four at once on two cores: many tests wait for processes.
PYTEST := $(BIN)/python -m pytest -q -n 4 --dist worksteal
# What is compiled is kept, also where the environment says otherwise: tests start Python hundreds of times.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo test quick lint torture bench-all bench-engine bench-latency bench-conditions bench-replay \
    bench-reconnect bench-log bench-ssh bench-netns bench-guard clean

help:            ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(VENV)/.ready  ## make .venv with the pinned versions

$(VENV)/.ready: pyproject.toml constraints.txt tools/setup.sh
	@sh tools/setup.sh $(VENV)

demo: setup      ## a real experiment: its controller is killed, taken over, finished
	@$(BIN)/python examples/demo

test: setup lint  ## all ordinary tests, as CI runs them
	@sh tools/test_packages.sh
	@$(PYTEST) -m "not torture"

quick: setup     ## the inner loop
	@$(PYTEST) -n 2 -m "not slow and not torture"

lint: setup      ## ruff, mypy, the layers, and that what is made from the code is up to date
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports
	@for tool in schema reference answers man; do $(BIN)/python tools/$$tool.py --check || exit 1; done

torture: setup   ## the long proofs: about an hour
	@$(PYTEST) -m torture --timeout 3600
	@$(BIN)/python tools/kill_demo.py --moments 200
	@$(BIN)/python tools/kill_demo.py --moments 100 --twice
	@$(BIN)/python tools/planted_bugs.py log
	@$(BIN)/python tools/planted_bugs.py core
	@$(BIN)/python tools/planted_bugs.py runtime
	@$(BIN)/python tools/planted_bugs.py script
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[torture]'
	@$(BIN)/python tools/fuzz_log.py

# A goal that is missed makes a benchmark fail; the others run all the same.
bench-all:       ## all benchmarks of the engine and the log, into docs/performance.md, and those of hosts and networks
	@$(MAKE) --no-print-directory --keep-going bench-engine bench-latency bench-conditions bench-replay \
	    bench-reconnect bench-log bench-ssh bench-netns

bench-engine: setup ## the engine against its peers and against the limit
	@$(BIN)/python benchmarks/bench_engine.py --save

bench-latency: setup ## how long from a condition that is met to the hook, and how late timers are
	@$(BIN)/python benchmarks/bench_latency.py --save

bench-conditions: setup ## 10,000 resources that wait for 10,000 others, and the like
	@$(BIN)/python benchmarks/bench_conditions.py --save

bench-replay: setup ## folding a long log, and commands that look into one
	@$(BIN)/python benchmarks/bench_replay.py --save

bench-reconnect: setup ## from the kill of a controller to everything found again
	@$(BIN)/python benchmarks/bench_reconnect.py --save

bench-log: setup ## the log against bare system calls, as ratios
	@$(BIN)/python benchmarks/bench_log.py --save

bench-ssh: setup ## hosts over SSH against asyncssh, apssh, Fabric and EnOSlib, as ratios (root)
	@$(BIN)/python benchmarks/bench_ssh.py

bench-netns: setup ## networks of namespaces: how long they take, side by side with Mininet where it is installed
	@$(BIN)/python benchmarks/bench_netns.py

bench-guard: setup ## fail if the engine is more than 15 % slower than recorded
	@$(BIN)/python benchmarks/guard.py

clean:           ## remove what the targets made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .fuzz .bench
	find . -name __pycache__ -prune -exec rm -rf {} +
