#!/usr/bin/env bash
# Installs the system packages that a build needs, and only those that are missing.
#
#   setup/packages.sh            check, and install through apt where something is missing
#   setup/packages.sh --check    check only: prints what is missing and fails
#
# What is needed: FFmpeg 4.4 or newer, better 5.1, with headers (libavutil, libavcodec, libavformat, libswscale);
# clang with libclang (bindings to FFmpeg); cmake and a C++20 compiler (zxing-cpp); pkg-config; and, for the pinned
# native libraries (native.sh), npm, pip and unzip.
set -euo pipefail
cd "$(dirname "$0")/.."

# pkg-config module, oldest version, Debian package. The versions are those of FFmpeg 4.4 (Ubuntu 22.04), the oldest
# that the bindings take; 5.1 and newer are what Gemba is made for.
ffmpeg=(
  "libavutil 56.70 libavutil-dev"
  "libavcodec 58.134 libavcodec-dev"
  "libavformat 58.76 libavformat-dev"
  "libswscale 5.9 libswscale-dev"
)

have() { command -v "$1" >/dev/null 2>&1; }

missing=()
check() {
  missing=()
  have pkg-config || missing+=(pkg-config)
  local module oldest package
  for line in "${ffmpeg[@]}"; do
    read -r module oldest package <<<"$line"
    have pkg-config && pkg-config --atleast-version="$oldest" "$module" 2>/dev/null || missing+=("$package")
  done
  have clang || missing+=(clang)
  has_libclang || missing+=(libclang-dev)
  have make || missing+=(make)
  have cmake || missing+=(cmake)
  have c++ || missing+=(g++)
  if ! setup/native.sh --check; then
    have npm || missing+=(npm)
    python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
    have unzip || missing+=(unzip)
  fi
}

has_libclang() {
  [[ -n "${LIBCLANG_PATH:-}" ]] && return 0
  # The places where the bindings' generator looks.
  compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null ||
    compgen -G '/usr/lib*/libclang*.so*' >/dev/null ||
    compgen -G '/usr/lib/*-linux-gnu/libclang*.so*' >/dev/null ||
    compgen -G '/usr/local/lib/libclang*.so*' >/dev/null
}

check
((${#missing[@]} == 0)) && exit 0
if [[ "${1:-}" == --check ]]; then
  echo "setup: missing: ${missing[*]}" >&2
  exit 1
fi

if ! have apt-get; then
  cat >&2 <<EOF
setup: this system has no apt-get. Please install, by your system's means:
  FFmpeg 5.1 or newer with development files (libavutil, libavcodec, libavformat, libswscale)
  clang with libclang, cmake, a C++20 compiler, pkg-config, npm, python3 with pip, unzip
and run this again. Still missing here (in Debian's names): ${missing[*]}
EOF
  exit 1
fi

as_root=()
if [[ "$(id -u)" != 0 ]]; then
  have sudo || { echo "setup: run as root, or install sudo; needed: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
# A fresh image has no package lists: only then, or when an install fails for their age, are they fetched.
install() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; }
echo "setup: installing ${missing[*]}"
if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || ! install; then
  "${as_root[@]}" apt-get update
  install
fi

check
if ((${#missing[@]} > 0)); then
  echo "setup: still missing after the installation: ${missing[*]}" >&2
  if [[ "${missing[*]}" == *libav* || "${missing[*]}" == *libsw* ]]; then
    echo "setup: this system's FFmpeg is $(pkg-config --modversion libavcodec 2>/dev/null || echo absent) (libavcodec);" \
      "Gemba needs 58.134 (FFmpeg 4.4) or newer: Debian 12, Ubuntu 22.04, or an FFmpeg of your own found through" \
      "PKG_CONFIG_PATH." >&2
  fi
  exit 1
fi
