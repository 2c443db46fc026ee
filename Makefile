# What a person or CI does with this tree; `make` alone lists it.

# procps: its `kill` signals servers and the program under test.
PACKAGES := build-essential pkg-config libssl-dev zlib1g-dev procps
CARGO_DENY := 0.20.2
TYPOS := 1.52.0
typos := $(or $(SLUICEGATE_CACHE),$(HOME)/.cache/sluicegate)/typos-$(TYPOS)
SCRIPTS := .ci/run tests/servers/install tests/servers/lib.sh tests/servers/archive.sh tests/servers/with \
	tests/servers/mysql tests/servers/mariadb tests/servers/kafka tests/servers/prometheus \
	tests/servers/mysqld-exporter deploy/kafka/acls.sh
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
ARGS ?=
MINUTES ?= 30
SERVER ?= mysql
SEED ?=
REPORT ?=
SECONDS ?= 60

.PHONY: help setup demo test chaos bench bench-stages instructions fuzz lint rules clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## install the packages the build needs (Debian, Ubuntu), if they are missing
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust first, see https://rustup.rs" >&2; exit 1; }
	@$(call packages,$(PACKAGES))

demo: setup ## build, and see it work: a broker and a database of its own, events, tables
	@PATH="$$PATH:/usr/sbin:/usr/local/sbin:/usr/libexec"; \
	command -v mariadbd >/dev/null || command -v mysqld >/dev/null \
		|| { $(call packages,mariadb-server-core mariadb-client-core); }
	cargo run --release --locked -- demo $(ARGS)

test: setup ## run all tests, with real MySQL, MariaDB and Kafka; ARGS go to cargo test
	tests/servers/with -- cargo test --workspace --locked $(ARGS)

chaos: setup ## the long chaos run: MINUTES=30 SERVER=mysql (or mariadb) SEED=... REPORT=file
	SLUICEGATE_CHAOS_MINUTES=$(MINUTES) SLUICEGATE_CHAOS_SERVER=$(SERVER) SLUICEGATE_CHAOS_SEED=$(SEED) \
	SLUICEGATE_CHAOS_REPORT=$(abspath $(REPORT)) tests/servers/with -- \
		cargo test --locked --test faults chaos::$(SERVER) -- --nocapture

bench: setup ## measure against LOAD DATA on real servers; ARGS go to loadgen bench
	cargo build --release --workspace --bins --locked
	tests/servers/with -- target/release/loadgen bench $(ARGS)

bench-stages: setup ## run the benches of single stages, without servers; ARGS go to cargo bench
	cargo bench --workspace --locked $(ARGS)

instructions: setup ## count the instructions of single stages, against the baseline; ARGS=renew makes it anew
	@$(call packages,valgrind)
	cargo run --config benches/instructions.toml --locked --example instructions -- $(ARGS)

# SECONDS in all, half for each target. Only the corpus in fuzz/corpus is kept; what a run finds on
# its way goes to a directory that is removed. A crash is kept in fuzz/artifacts.
fuzz: ## feed the fuzz targets for SECONDS=60 (nightly Rust and cargo-fuzz)
	@found=$$(mktemp -d) && trap 'rm -rf "$$found"' EXIT && for target in load statement; do \
		mkdir "$$found/$$target" && cargo +nightly fuzz run --sanitizer none $$target \
			"$$found/$$target" fuzz/corpus/$$target -- -max_total_time=$$(($(SECONDS) / 2)) -max_len=20000 -print_final_stats=1 || exit 1; \
	done

lint: setup ## formatting, clippy, dependency rules, documentation, shell scripts, spelling
	@$(call packages,shellcheck)
	@cargo deny --version >/dev/null 2>&1 || { $(install_cargo_deny); }
	@test -x $(typos)/bin/typos || { $(install_typos); }
	$(typos)/bin/typos
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo deny --log-level error check bans licenses sources
	RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked
	shellcheck --external-sources --severity warning $(SCRIPTS)

rules: ## make the Kubernetes rules from deploy/prometheus
	@{ printf '%s\n' '# Made by `make rules` of ../prometheus/recording.yml and alerts.yml: change those.' \
		'apiVersion: monitoring.coreos.com/v1' 'kind: PrometheusRule' \
		'metadata:' '  name: sluicegate' '  namespace: sluicegate' 'spec:' '  groups:' && \
	awk 'FNR == 1 { inside = 0 } inside { print ($$0 == "" ? "" : "  " $$0) } $$0 == "groups:" { inside = 1 }' \
		deploy/prometheus/recording.yml deploy/prometheus/alerts.yml; } >deploy/kubernetes/rules.yaml

clean: ## remove what was built; the servers' cache stays
	cargo clean

# Installs those of the packages that are missing; without apt it says what is needed and goes on.
define packages
if ! command -v apt-get >/dev/null; then echo "no apt-get here; needed, by their Debian names: $(1)"; exit 0; fi; \
missing=$$(for package in $(1); do \
	dpkg-query --show --showformat '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; done); \
if [ -n "$$missing" ]; then \
	echo "installing" $$missing; \
	$(SUDO) apt-get update -qq; \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing </dev/null; \
fi
endef

# Its release profile is made for speed and takes minutes to build; a run here takes a second either way.
define install_cargo_deny
CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
	cargo install --locked cargo-deny@$(CARGO_DENY)
endef

# From PyPI, which has it built already; cargo would take minutes.
define install_typos
python3 -c 'import ensurepip' 2>/dev/null || { $(call packages,python3-venv); }; \
echo "installing typos $(TYPOS) from PyPI"; \
python3 -m venv $(typos) && $(typos)/bin/pip install --quiet typos==$(TYPOS)
endef
