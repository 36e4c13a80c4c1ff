# make help   shows what there is. Everything else sets itself up first.

# The distribution's Python if it is new enough: it is built for speed, and every user can run it.
PYTHON ?= $(shell for p in /usr/bin/python3 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
ARGS ?=
# More than there are CPUs: many tests wait, for processes, servers, browsers and the clock.
WORKERS ?= $(shell expr $$(nproc) + 2)
INSIDE ?= tests.kernels.inside# what runs in each kernel; tests.kernels.cost measures
VENV := .venv
PACKAGES := api bpf cli collector livereplay migrations store
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

.PHONY: help setup collect web test test-all test-kernels test-wheel test-service check lint types bench generate wheel clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/compiled ## distribution packages, .venv/, execdb in it

collect: setup ## record the programs that start on this machine (ARGS='...' passes options)
	@$(SUDO) $(VENV)/bin/execdb collect $(ARGS)

web: setup build/demo.db ## the page in a browser, with a demo history (ARGS=... passes options)
	@$(VENV)/bin/execdb --db build/demo.db web $(ARGS)

# First by all workers, file by file in the order of their names (long ones are not the last), then
# what measures or needs all CPUs itself, one test at a time. A few that failed run again by
# themselves (exit code 1). With ARGS, one of the two may find nothing to run (exit code 5).
# $(1): which of them, for pytest's -m.
define run-tests
	@[ -n "$(SUDO)" ] || [ "$$(id -u)" = 0 ] || echo "tests of the kernel need root: skipped" >&2
	@$(SUDO) $(VENV)/bin/pytest --cache-clear -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
		-m 'not alone and not install$(1)' $(ARGS) || case $$? in \
		1) $(SUDO) $(VENV)/bin/python -m tests.running.again;; 5) ;; *) exit 1;; esac
	@$(SUDO) $(VENV)/bin/pytest --cache-clear -m 'alone$(1)' $(or $(ARGS),tests/kernel) || \
		case $$? in \
		1) $(SUDO) $(VENV)/bin/python -m tests.running.again;; 5) ;; *) exit 1;; esac
endef

test: setup $(VENV)/ready-to-test ## tests, on the real kernel (as root); all of what ARGS names
	$(call run-tests,$(if $(ARGS),, and not thorough))

test-all: setup $(VENV)/ready-to-test ## the same with all combinations and long runs (as root)
	$(call run-tests,)

test-kernels: setup $(VENV)/ready-to-test ## tests on Debian's own kernels, under QEMU (as root)
	@mkdir -p build/programs && $(VENV)/bin/python -m tests.kernel.ground_truth build/programs
	@$(SUDO) $(VENV)/bin/python tests/kernels/boot.py --venv $(VENV) $(ARGS) -- \
		env EXECDB_TEST_PATIENCE_S=900 EXECDB_TEST_PROGRAMS=build/programs \
		$(VENV)/bin/python -m $(INSIDE)

test-wheel: setup $(VENV)/ready-to-test ## builds the wheel, installs it elsewhere, records with it (as root)
	@$(SUDO) $(VENV)/bin/pytest -m install tests/install $(ARGS)

test-service: setup $(VENV)/ready-to-test ## the wheel as a service on a booted systemd, in a container (as root)
	@$(SUDO) $(VENV)/bin/pytest -m install tests/service $(ARGS)

check: setup $(VENV)/ready-to-test lint types test-all test-wheel ## what CI runs first

lint: $(VENV)/ready-to-test
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@find bpf tests -name '*.[ch]' -exec $(VENV)/bin/clang-format --dry-run -Werror {} +

types: $(VENV)/ready-to-test build/links
	@$(VENV)/bin/mypy -p execdb
	@$(VENV)/bin/mypy -p tests.bench --follow-imports silent

bench: setup $(VENV)/ready-to-test ## the numbers execdb holds itself to (as root; ARGS=peers: others too)
	@$(SUDO) $(VENV)/bin/python -m tests.bench $(ARGS)

generate: $(VENV)/ready-to-test ## writes what is generated of the documentation
	@$(VENV)/bin/python -m docs.generate

wheel: $(VENV)/ready-to-test ## dist/: the wheel and the source distribution
	@rm -rf dist
	@$(VENV)/bin/python -m build --outdir dist

clean: ## forget .venv/, build/ and dist/
	rm -rf $(VENV) build dist *.egg-info

# BCC is a package of the distribution; pip has no such thing.
$(VENV)/bcc:
	@mkdir -p $(VENV)
	@if [ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'from bcc import BPF' 2>/dev/null; then :; \
	elif command -v apt-get >/dev/null; then \
		$(SUDO) apt-get update -qq && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
			python3-bpfcc >/dev/null; \
	elif command -v dnf >/dev/null; then $(SUDO) dnf install -q -y python3-bcc; \
	elif command -v pacman >/dev/null; then $(SUDO) pacman -S --noconfirm --needed python-bcc; \
	else echo "install BCC's Python package of your distribution, then run make again" >&2; exit 1; fi
	@touch $@

# A distribution's Python may come without venv (Debian: python3-venv).
$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] || \
		{ echo "execdb needs Python 3.11 or newer (make PYTHON=... names one)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		command -v apt-get >/dev/null && $(SUDO) apt-get update -qq && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
			python3-venv >/dev/null; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/ready: $(VENV)/bcc $(VENV)/bin/python pyproject.toml
	@$(VENV)/bin/pip install -q --disable-pip-version-check -e '.[web,central]'
	@touch $@

# Compiled once, here: run by root from a folder of someone else's, Python might not do so.
$(VENV)/compiled: $(VENV)/ready $(shell find $(PACKAGES) -name "*.py")
	@$(VENV)/bin/python -m compileall -q $(PACKAGES)
	@touch $@

build/demo.db: $(VENV)/ready
	@mkdir -p build && rm -f $@ $@-wal $@-shm
	@$(VENV)/bin/python -c 'from tests.trace import hello_build; print(hello_build(), end="")' \
		| $(VENV)/bin/execdb --db $@ import -

# Tests compile small programs, ask bpftool what is attached, watch system calls, look at the page
# in a browser, ship to a PostgreSQL of their own (one speaks German, one is behind a pooler), complete
# in three shells, run another recorder, and assemble the stub of each architecture.
$(VENV)/ready-to-test: $(VENV)/ready
	@missing=; for tool in gcc bpftool strace setpriv fish zsh bpftrace pgbouncer \
		aarch64-linux-gnu-as; do \
		command -v $$tool >/dev/null || [ -x /usr/sbin/$$tool ] || missing="$$missing $$tool"; done; \
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
		missing="$$missing chromium"; \
	ls /usr/lib/postgresql/*/bin/initdb /usr/bin/initdb 2>/dev/null | grep -q . || \
		missing="$$missing postgresql"; \
	[ -e /usr/share/i18n/locales/de_DE ] || missing="$$missing locales"; \
	ls /usr/share/locale/de/LC_MESSAGES/postgres-*.mo 2>/dev/null | grep -q . || \
		missing="$$missing postgresql-in-German"; \
	if [ -n "$$missing" ] && command -v apt-get >/dev/null; then \
		$(SUDO) apt-get update -qq && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
			gcc libc6-dev bpftool strace util-linux chromium postgresql locales pgbouncer \
			fish zsh bpftrace binutils-aarch64-linux-gnu >/dev/null; \
		ls /usr/share/locale/de/LC_MESSAGES/postgres-*.mo >/dev/null 2>&1 || \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --reinstall \
			-o 'Dpkg::Options::=--path-include=/usr/share/locale/de/LC_MESSAGES/postgres-*.mo' \
			$$(dpkg-query -W -f '$${db:Status-Abbrev}$${Package}\n' 'postgresql-[0-9]*' | \
				sed -n 's/^ii \(postgresql-[0-9]*\)$$/\1/p') >/dev/null; \
	elif [ -n "$$missing" ]; then echo "the tests need:$$missing" >&2; exit 1; fi
	@$(VENV)/bin/pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

# Type checkers cannot follow the editable install's hook: links stand in for it.
build/links: Makefile $(wildcard api/*)
	@rm -rf $@ && mkdir -p $@/execdb
	@cd $@/execdb && ln -s ../../../api/* . && \
		for folder in $(filter-out api,$(PACKAGES)); do ln -s ../../../$$folder $$folder; done
