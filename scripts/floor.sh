#!/usr/bin/env bash
# Builds the C floor servers of bench/floor into bin/, or says why they are skipped.
set -eu -o pipefail
cc=$(command -v gcc || command -v clang || command -v cc || true)
if [ -z "$cc" ]; then
  echo "SKIPPED: the C floor (no C compiler found: install gcc or clang)"
  exit 0
fi
mkdir -p bin
"$cc" -O2 -Wall -Wextra -o bin/floor-epoll bench/floor/epoll.c
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
if ! "$cc" -O2 -Wall -Wextra -o bin/floor-uring bench/floor/uring.c 2>"$errors"; then
  echo "SKIPPED: the io_uring floor (the kernel headers here are too old):"
  head -n 3 "$errors"
fi
