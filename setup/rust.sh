#!/usr/bin/env bash
# Checks that there is a Rust that is new enough; says how to get one. Nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -1)
if ! command -v cargo >/dev/null 2>&1; then
  if [[ -x "$HOME/.cargo/bin/cargo" ]]; then
    echo "setup: Rust is installed but not on the PATH: run  . \"\$HOME/.cargo/env\"" >&2
  else
    echo "setup: Rust is missing. Install it with rustup (https://rustup.rs), version $oldest or newer." >&2
  fi
  exit 1
fi
found=$(cargo --version | cut -d' ' -f2)
if [[ "$(printf '%s\n%s\n' "$oldest" "$found" | sort -V | head -1)" != "$oldest" ]]; then
  echo "setup: Rust $found is too old; $oldest or newer is needed: run  rustup update" >&2
  exit 1
fi
