# ChronosVector's commands. `make` alone lists them.
#
# Everything but `release` builds with one cargo profile into one directory outside the clone, so
# that whoever ran the tests has the demo built, and the other way round.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/cvx
export CARGO_TARGET_DIR ?= $(CACHE)/target
CVX := $(CARGO_TARGET_DIR)/debug/cvx
RELEASE := $(CARGO_TARGET_DIR)/release

.PHONY: help setup setup-build build release cli demo start test rust-clients lint fmt kill bench bench-wire \
  bench-index bench-analytics guests

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## Installs what building and testing need and is missing; says what before it does
	@.ci/setup build test

setup-build:
	@.ci/setup build

build: setup-build ## Builds the binary
	cargo build --workspace --bin cvx

release: setup-build ## Builds target/release/cvx, a fifth faster over SQL; all dependencies anew, an hour the first time
	cargo build --workspace --bins --release

cli: setup-build ## Builds cvx-cli, the shell (docs/cli.md)
	cargo build -p cvx-cli --features editor

demo: build ## Loads a corpus and asks it the queries that matter; DATA=file.parquet for your own
	$(CVX) demo $(if $(DATA),--data '$(DATA)') $(DEMO)

start: build ## Serves ./cvx-data on 127.0.0.1:5433
	$(CVX) start

rust-clients: setup-build
	cargo build --manifest-path crates/server/tests/clients/rust/Cargo.toml --target-dir $(CARGO_TARGET_DIR)/rust-clients

test: setup rust-clients ## Runs every test
	PROPTEST_RNG_SEED=$${PROPTEST_RNG_SEED:-7} cargo test --workspace --no-fail-fast
	cargo test -p cvx-cli --features editor

lint: setup-build ## Clippy, warnings denied; shares the dependencies that the tests were built with
	@.ci/lint

fmt: ## Formats the code
	cargo fmt --all

kill: setup-build ## Kills the server 1,000 times under load and looks for what is lost (an hour)
	CVX_KILLS=$(or $(KILLS),1000) cargo test --workspace --test live crash -- --nocapture

bench: setup-build ## The figures of docs/benchmarks.md; each has its own command there
	cargo bench --workspace

bench-wire: setup release ## The figures of docs/benchmarks.md that a client sees; WIRE='copy exact' for some of them
	python3 -m venv $(CACHE)/bench-venv
	$(CACHE)/bench-venv/bin/pip install --quiet -r benches/wire/requirements.txt
	$(CACHE)/bench-venv/bin/python benches/wire/run.py $(WIRE) --cvx $(RELEASE)/cvx

bench-index: setup release ## The index beside its peers: tables, drawings and the goals (docs/figures); over an hour the first time
	python3 -m venv $(CACHE)/bench-venv
	$(CACHE)/bench-venv/bin/pip install --quiet -r benches/index/requirements.txt
	$(CACHE)/bench-venv/bin/python benches/index/peers.py --keep $(CACHE)/bench-index --docs docs/figures \
	  --neighbours $(RELEASE)/neighbours --cvx $(RELEASE)/cvx $(if $(PEPS),--peps $(PEPS)) $(INDEX)
	$(CACHE)/bench-venv/bin/python benches/index/builds.py --keep $(CACHE)/bench-index --docs docs/figures \
	  --neighbours $(RELEASE)/neighbours
	for what in lives ingest; do $(CACHE)/bench-venv/bin/python benches/index/$$what.py --docs docs/figures \
	  --keep $(CACHE)/bench-index --cvx $(RELEASE)/cvx || exit 1; done

bench-analytics: setup release ## The figures of the analyses beside their references; ANALYTICS='pelt sql' for some of them
	python3 -m venv $(CACHE)/bench-venv
	$(CACHE)/bench-venv/bin/pip install --quiet -r benches/analytics/requirements.txt
	$(CACHE)/bench-venv/bin/python benches/analytics/run.py $(ANALYTICS) --cvx $(RELEASE)/cvx \
	  --kernels $(RELEASE)/kernels

guests: ## The figures of docs/guarantees.md: crowds, strangers, how soon statements stop
	$(MAKE) bench-wire WIRE='guests stopping'
