# Summit OS. `make` or `make help` lists the targets; `make run` and `make test` need nothing done before.
SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help
.PHONY: help setup run secrets secrets-document readiness readiness-document figures stack-up stack-down stack-key stack-test pin-images test check lint format types imports drift limits locks schemas e2e chaos fuzz fuzz-api soak bench bench-bus bench-fabric bench-pipeline bench-queries bench-localisation bench-zones bench-stream bench-cold bench-tracking bench-hotspots bench-terrain bench-recordings bench-shards bench-limits bench-audit \
	up down status health clean

# what setup.sh puts there wins only where the machine has nothing suitable
export PATH := $(CURDIR)/.tools/node/bin:$(PATH):$(CURDIR)/.tools/bin
export UV_PYTHON_DOWNLOADS := never

BIN := .venv/bin
ARGS ?=
WITHIN ?= 30
UNIT := apps packages tests/checklist

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  \033[1m%-20s\033[0m %s\n", $$1, $$2}'
	@echo '  Give arguments with ARGS, for example: make run ARGS="--scenario none --port 8080"'

setup: ## Install everything this repository needs, inside it (no root; quick when nothing changed)
	@scripts/setup.sh

run: setup ## Start Summit OS and play the ridge-fire scenario; Ctrl-C stops it
	@exec $(BIN)/summit up $(ARGS)

up: run ## The same as run

down: ## Stop a running Summit OS
	@$(BIN)/summit down $(ARGS)

status: ## Show each service and each source
	@$(BIN)/summit status $(ARGS)

health: ## Exit 0 only if everything is ready within WITHIN=30 seconds (ARGS=--stack: the containers)
	@$(BIN)/summit health --within $(WITHIN) $(ARGS)

secrets: setup ## Make every secret that the containers need, in infra/docker/secrets (0600; again: nothing changes)
	@$(BIN)/summit secrets init $(ARGS)

stack-up: setup ## Build the containers, start them and wait until all are healthy (needs `make secrets` once)
	@scripts/stack.sh up $(ARGS)

stack-down: ## Stop the containers (ARGS=-v: delete their data too)
	@scripts/stack.sh down $(ARGS)

stack-key: ## Show the first administrator's key of the containers
	@scripts/stack.sh key

stack-test: setup ## Build, start, break and watch the containers for real; SKIPPED where no engine can be had
	@mkdir -p .cache
	$(BIN)/pytest tests/stack -s --basetemp="$$(mktemp -d)/stack" --junitxml=.cache/stack.xml $(ARGS)

pin-images: ## Write the digests of the base images into .env (needs a registry)
	@scripts/pin_images.sh

test: setup ## Run the unit tests of Python and of the console, and the checks of the production checklist
	$(BIN)/pytest $(UNIT) $(ARGS)
	@if [ -f apps/console/package.json ]; then cd apps/console && npm test; else echo 'SKIPPED console tests: no apps/console'; fi

e2e: setup ## Run the tests over real processes and public interfaces
	$(BIN)/pytest tests/e2e tests/fuzz tests/openapi -s $(ARGS)

# in a folder of its own: another pytest run would close the common one to the user that PostgreSQL runs as
chaos: setup ## Kill and stop each program under load: nothing accepted is lost (ARGS=--full: 2,000/s for 60 s)
	$(BIN)/pytest tests/chaos -s --tb=native --basetemp="$$(mktemp -d)/chaos" $(ARGS)

fuzz: setup ## 100,000 hostile inputs by MQTT, HTTP and NATS (ARGS="--fuzz-seed 7": others)
	$(BIN)/pytest tests/fuzz -s --inputs 100000 --basetemp="$$(mktemp -d)/fuzz" $(ARGS)

fuzz-api: setup ## 20,000 requests from the OpenAPI documents of all services: answers are as they say (ARGS="--api-seed 7")
	$(BIN)/pytest tests/openapi -s --requests 20000 --basetemp="$$(mktemp -d)/fuzz-api" $(ARGS)

soak: setup ## Ten minutes at 1,000 observations a second: memory stays, nothing grows without a bound (ARGS="--seconds 60")
	$(BIN)/pytest tests/soak -s --basetemp="$$(mktemp -d)/soak" $(ARGS)

readiness: setup ## The table of the production checklist: each line passed, failed, skipped or missing (ID=H3 for one)
	@$(BIN)/python scripts/readiness.py $(if $(ID),--id $(ID)) $(ARGS)

figures: ## Write docs/ops/figures.md from bench/results
	$(BIN)/python scripts/figures.py

readiness-document: ## Write docs/ops/readiness.md from what the tests of the checklist plant
	$(BIN)/python scripts/readiness_document.py

check: setup lint types imports drift limits ## Everything that must hold before a commit, except the tests

lint: ## Style and formatting (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: ## Put the formatting right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: ## Types (mypy --strict)
	$(BIN)/mypy

imports: ## Who may import whom (import-linter)
	$(BIN)/lint-imports

drift: ## Lock files and schemas say what the sources say
	uv lock --check
	@scripts/locks.sh --check
	$(BIN)/python scripts/generate_schemas.py --check
	$(BIN)/python scripts/alert_rules.py --check
	$(BIN)/python scripts/dashboards.py --check
	$(BIN)/python scripts/secrets_document.py --check
	$(BIN)/python scripts/readiness_document.py --check
	$(BIN)/python scripts/figures.py --check

limits: ## Size of files and functions, broad excepts
	$(BIN)/python scripts/check_limits.py

locks: ## Write uv.lock and the requirements.lock of each app
	uv lock
	@scripts/locks.sh

secrets-document: ## Write docs/SECRETS_MANAGEMENT.md from the settings of the services
	$(BIN)/python scripts/secrets_document.py

schemas: ## Write schemas/ from the model
	$(BIN)/python scripts/generate_schemas.py

bench: bench-localisation ## Run the benchmarks

bench-bus: setup ## The bus beside the raw engine and nats-py: publish with acknowledgement, pull
	$(BIN)/python bench/bus.py $(ARGS)

bench-fabric: setup ## What an observation costs the processor in fabric, step by step
	$(BIN)/python bench/fabric_hot.py $(ARGS)

bench-localisation: setup ## Position of a fire from bearings against the Cramér-Rao bound
	$(BIN)/python bench/localisation.py $(ARGS)

bench-tracking: setup ## The tracker beside Stone Soup (installed below .tools), same data, same run
	$(BIN)/python bench/tracking.py $(ARGS)

bench-pipeline: setup ## Throughput and cost of the whole pipeline beside the raw engine, its latency, its cost at 10 million stored
	@code=0; for name in pipeline latency growth; do $(BIN)/python bench/$$name.py || code=1; done; exit $$code

bench-queries: setup ## Queries over 5 million observations through the HTTP interface, and their plans
	$(BIN)/python bench/queries.py $(ARGS)

bench-shards: setup ## 1,000 targets over borders of shards beside one shard, cost beside a bare tracker
	$(BIN)/python bench/shards.py $(ARGS)

bench-hotspots: setup ## 100,000 satellite hot spots to fires
	$(BIN)/python bench/hotspots.py $(ARGS)

bench-recordings: setup ## Flights without identities, boats by lidar, radar and bearings beside Stone Soup
	$(BIN)/python bench/recordings.py $(ARGS)

bench-terrain: setup ## Viewsheds, rays and bands over hills
	$(BIN)/python bench/terrain.py $(ARGS)

bench-zones: setup ## What 200 zones cost at each update of 5,000 entities, and the noise that they keep out
	$(BIN)/python bench/zones.py $(ARGS)

bench-stream: setup ## What the stream costs per change and per delivered frame, with 100 and 1,000 subscribers
	$(BIN)/python bench/stream.py $(ARGS)

bench-limits: setup ## What the limits add to a request, beside none
	$(BIN)/python bench/limits.py $(ARGS)

bench-audit: setup ## Records of the audit a second through the whole system, and what tampering with it escapes
	$(BIN)/python bench/audit.py $(ARGS)

bench-gateway: setup ## What the gateway adds to a request that it passes on, and how many lists one core can answer
	$(BIN)/python bench/gateway.py $(ARGS)

bench-stalls: setup ## Other routes while Redis, an upstream or clients stall, and with 10,000 idle connections
	$(BIN)/python bench/stalls.py $(ARGS)

bench-cold: ## From a clean clone with empty caches to "ready", and again warm
	@scripts/bench_cold.sh

clean: ## Remove what was built and cached (not .summit: that is your data)
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf apps/console/node_modules apps/console/.next apps/console/out
	find apps packages tests scripts bench -type d -name __pycache__ -prune -exec rm -rf {} +
