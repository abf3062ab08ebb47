# Gemba's targets. Two of them are all one needs: `make demo` and `make test`.
#
# CARGO_TARGET_DIR is honoured: binaries find the native libraries wherever the build lies.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test torture golden check fmt clippy doc licences bench install clean

# rustup's folder, for shells that have not read its profile yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
PREFIX ?= /usr/local

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name words; do \
	  printf '  make %-10s %s\n' "$$name" "$$words"; done

setup: ## install what is missing; bring the native libraries (no work the second time)
	@setup/rust.sh
	@setup/packages.sh
	@setup/native.sh

demo: setup ## build, then render footage, replay it, compare with the truth and serve the result
	cargo build --release --locked
	$(TARGET_DIR)/release/gemba demo

test: setup ## run every test
	cargo test --workspace --locked

torture: setup ## crashes, kills and full disks at random for HOURS (default 1); SEED repeats a run
	GEMBA_TORTURE_SECONDS=$$(( $(or $(HOURS),1) * 3600 )) GEMBA_TORTURE_SEED=$(or $(SEED),$$RANDOM) GEMBA_KILL_CALLS=60 \
	  cargo test --workspace --locked --test it -- --nocapture --test-threads 1 power:: disk::

golden: setup ## write the golden data directory of the tests anew (after a change of format that was never released)
	cargo test --locked --test it -- --ignored make_golden_data

check: setup fmt clippy doc licences ## formatting, lints, documentation, licences

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --workspace --all-targets --locked -- -D warnings

doc:
	RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' cargo doc --workspace --no-deps --document-private-items --locked

licences:
	cargo test --package gemba-schemas --test schemas --locked licences::

bench: setup ## measure what the README claims
	cargo bench --locked

install: setup ## build and copy to PREFIX (default /usr/local): bin/gemba, lib/gemba/*.so
	cargo build --release --locked
	install -D -m 755 $(TARGET_DIR)/release/gemba $(DESTDIR)$(PREFIX)/bin/gemba
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/lib/gemba .native/lib/libduckdb.so .native/lib/libonnxruntime.so

clean: ## remove builds and demo output; .native stays
	cargo clean
	rm -rf demo-out
