#!/usr/bin/env bash
# Runs every fuzz target of the module for a while. Argument: how long each, e.g. 10s.
set -eu -o pipefail
each=${1:-60s}
grep -rl --include='*_test.go' '^func Fuzz' servers loadgen bench | xargs -n1 dirname | sort -u |
  while read -r dir; do
    grep -ho --include='*_test.go' -r '^func Fuzz[A-Za-z0-9_]*' "$dir" --max-count=99 | sed 's/^func //' | sort -u |
      while read -r target; do
        grep -q "func $target(" "$dir"/*_test.go || continue
        echo "== $dir $target $each"
        go test -run '^$' -fuzz "^$target\$" -fuzztime "$each" "./$dir"
      done
  done
