#!/usr/bin/env bash
# Brings the pinned native libraries into .native/lib, each by digest:
#
#   libduckdb.so        DuckDB 1.5.6, from the npm package @duckdb/node-bindings-linux-x64 1.5.6-r.1
#   libonnxruntime.so   ONNX Runtime 1.23.2, from the PyPI wheel onnxruntime (CPython 3.11, manylinux)
#
#   setup/native.sh           fetch what is missing or wrong
#   setup/native.sh --check   fails if something is missing; reads a stamp, so it costs nothing
#
# Where there is a Python with pip it also brings DuckDB for Python into .native/python/, for tests that ask the lake as an
# analyst would. Nothing needs it: without it these tests say that they skip.
#
# Packages that already lie in .native/download/ are taken from there: that is the way for machines without a net.
set -euo pipefail
cd "$(dirname "$0")/.."

duckdb_package='@duckdb/node-bindings-linux-x64@1.5.6-r.1'
duckdb_file='duckdb-node-bindings-linux-x64-1.5.6-r.1.tgz'
duckdb_file_sum=1b9f82478539bb9a1d1df44bd103121a12ae52142c07158dc52b97d2ec1d69ff
duckdb_member='package/libduckdb.so'
duckdb_sum=3f4962cdd266eab2b479a5b5a4a6d063d279b2954ae814ed00385d553b747633

onnx_package='onnxruntime==1.23.2'
onnx_file='onnxruntime-1.23.2-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl'
onnx_file_sum=da44b99206e77734c5819aa2142c69e64f3b46edc3bd314f6a45a932defc0b3e
onnx_member='onnxruntime/capi/libonnxruntime.so.1.23.2'
onnx_sum=718c3fb0785d5ea06061b92c32ce4ad35be1bd4c71ae6192efe06f1ab21f0f8a

lib=.native/lib
down=.native/download
stamp=.native/stamp
pins="$duckdb_sum $onnx_sum"

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }
has_sum() { [[ -f "$1" ]] && echo "$2  $1" | sha256sum --check --status; }

# The stamp holds the pins it was written for, and is younger than the libraries that were checked.
stamped() {
  [[ -f $stamp && "$(<$stamp)" == "$pins" ]] || return 1
  local file
  for file in $lib/libduckdb.so $lib/libonnxruntime.so; do
    [[ -f $file && ! $file -nt $stamp ]] || return 1
  done
}

# DuckDB for Python, the same version: the wheels for CPython 3.10 to 3.14 on this platform.
python=.native/python
python_package=duckdb==1.5.6
python_sums='
dbd348e9ebdc8b28f1f9930efb5a74a382063c35d9c43901075566fbae50ab5c
73b108c04c932b36c2fa4e41110cc1c3c8cd510eb49f065f92d050be8e6929fd
bc9619ed7d4ffa117b5155d84b44794366bb6635178d78ed5e13a6024845c757
644f54ce99b3b61844bc9a3fe80e0aecb1ea4084b1fffc4396d1569db6111679
19c5e485e59613b8878d1670bcaa7a010f53c5a4da5ae8e08863e5e529ca6182
'
# Beside the package, the Python that it is for: another Python gets its own.
bring_python() {
  command -v python3 >/dev/null 2>&1 || return 0
  local for_python
  for_python="$python_package $(python3 -c 'import sys; print(sys.implementation.cache_tag)')" || return 0
  [[ -f $python/stamp && "$(<$python/stamp)" == "$for_python" ]] && return 0
  if ! python3 -m pip --version >/dev/null 2>&1; then
    say "no pip: tests that ask the lake through Python will skip"
    return 0
  fi
  local wanted=.native/python.txt sum
  mkdir -p .native
  { echo "$python_package \\"; for sum in $python_sums; do echo "  --hash=sha256:$sum \\"; done; echo; } >$wanted
  rm -rf $python $python.part
  if python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
    --retries 1 --timeout 10 --no-deps --only-binary=:all: --require-hashes --target $python.part -r $wanted \
    >/dev/null 2>&1; then
    echo "$for_python" >$python.part/stamp
    mv $python.part $python
    say "$python is there"
  else
    rm -rf $python.part
    say "$python_package could not be had for this Python: tests that ask the lake through it will skip"
  fi
  rm -f $wanted
}

[[ "${1:-}" == --check ]] || bring_python
stamped && exit 0
if has_sum $lib/libduckdb.so $duckdb_sum && has_sum $lib/libonnxruntime.so $onnx_sum; then
  echo "$pins" >$stamp
  exit 0
fi
[[ "${1:-}" == --check ]] && exit 1

[[ "$(uname -s) $(uname -m)" == 'Linux x86_64' ]] ||
  fail "the pinned libraries are for Linux on x86-64, this is $(uname -s) on $(uname -m). Put libduckdb.so (1.5.6) and" \
    "libonnxruntime.so (1.23.2) for it into $lib, set DUCKDB_LIB_DIR if they lie elsewhere, and run cargo directly."

mkdir -p $lib $down

fetch_duckdb() {
  (cd $down && npm pack "$duckdb_package" --silent >/dev/null)
}

# pip names what it would install on this machine; the wheel is wanted for its library alone, whatever Python runs here.
fetch_onnx() {
  local platform
  for platform in manylinux_2_27_x86_64 manylinux_2_28_x86_64; do
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
      --platform "$platform" --python-version 3.11 --implementation cp --abi cp311 \
      --dest $down "$onnx_package" && return 0
  done
  return 1
}

# bring NAME FETCH FILE FILE_SUM MEMBER SUM TARGET
bring() {
  local name=$1 fetch=$2 file=$down/$3 file_sum=$4 member=$5 sum=$6 target=$lib/$7
  has_sum "$target" "$sum" && return 0
  if ! has_sum "$file" "$file_sum"; then
    rm -f "$file"
    say "fetching $name"
    $fetch || fail "$name could not be fetched; with a net elsewhere, put $(basename "$file") into $down and run this again"
    [[ -f $file ]] || fail "$name came under another name than $(basename "$file"): $(ls $down)"
    has_sum "$file" "$file_sum" || fail "$file has digest $(sha256sum "$file" | cut -d' ' -f1), expected $file_sum"
  fi
  local part=$target.part
  case $file in
    *.tgz) tar -xzOf "$file" "$member" >"$part" ;;
    *.whl) unzip -p "$file" "$member" >"$part" ;;
  esac
  has_sum "$part" "$sum" || fail "$member of $file is not the pinned one (expected $sum)"
  chmod 755 "$part"
  mv "$part" "$target"
  rm -f "$file"
  say "$target is there"
}

bring 'DuckDB 1.5.6' fetch_duckdb $duckdb_file $duckdb_file_sum $duckdb_member $duckdb_sum libduckdb.so
bring 'ONNX Runtime 1.23.2' fetch_onnx $onnx_file $onnx_file_sum $onnx_member $onnx_sum libonnxruntime.so
rmdir $down 2>/dev/null || true
echo "$pins" >$stamp
