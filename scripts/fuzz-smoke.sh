#!/usr/bin/env bash
# Runs every fuzz target of the module for FUZZTIME (default 60s), two at a time, one worker each.
# Exit 0: nothing was found. Otherwise what was found is printed, and go test has put the input
# below testdata/fuzz, where every later go test plays it.
set -eu -o pipefail
export FUZZTIME=${FUZZTIME:-60s}

one() { # DIR TARGET; its output comes in one piece
  local out status try
  for try in 1 2 3; do
    status=0
    out=$(go test -run '^$' -fuzz "^$2\$" -fuzztime "$FUZZTIME" -parallel 1 "./$1" 2>&1) || status=$?
    # At the end of its time go test now and then takes its own deadline for a failure of the target,
    # and has no input to show for it: that is no finding, so it is asked again.
    if [ $status = 0 ] || [[ $out == *"Failing input written"* || $out != *"context deadline exceeded"* ]]; then
      break
    fi
  done
  if [ $status = 0 ]; then out=$(tail -n 1 <<<"$out"); fi
  printf '== %s %s, %s\n%s\n' "$1" "$2" "$FUZZTIME" "$out"
  return $status
}
export -f one

grep -r --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' servers loadgen bench |
  sed 's|/[^/]*_test.go:func | |' | sort -u |
  xargs -P 2 -L 1 bash -c 'one "$@"' fuzz
