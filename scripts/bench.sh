#!/usr/bin/env bash
# make bench: runs a profile, then writes charts and REPORT.md from it, and says where they are.
# Argument: the profile. A run with failed cells (exit 1) is still reported; anything worse stops.
set -eu -o pipefail
profile=${1:-default}
status=0
bin/netbench run --profile "$profile" --out results/runs || status=$?
if [ "$status" -gt 1 ]; then
  exit "$status"
fi
latest=$(find results/runs -mindepth 1 -maxdepth 1 -type d | sort | tail -n 1)
bin/netbench report "$latest"
exit "$status"
