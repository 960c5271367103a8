#!/usr/bin/env bash
# The gate and the exports for any CI. It needs Go, git and make; what it prints and writes is for
# whatever forge there is: the verdict as an exit code, the comment for the change as gate.md.
#
#   scripts/ci-bench.sh gate            compare BASE with HEAD; write OUT/gate.json and OUT/gate.md
#   scripts/ci-bench.sh record          measure HEAD, append it to the history, export it below OUT
#   scripts/ci-bench.sh export RUN      only export a run below OUT
#
#   BASE    commit to compare with     (default: where HEAD left origin/main)
#   HEAD    commit to judge            (default: HEAD)
#   OUT     folder for what is kept    (default: ci-bench)
#   MODELS  only these, with commas    (default: all whose code differs)
#
# Exit code of gate: 0 nothing is worse, 1 something is, 2 it does not build or broke, 3 undecided:
# the machine was too noisy, which is neither red nor green; say so, and let a person decide.
set -eu -o pipefail
cd "$(dirname "$0")/.."
out=${OUT:-ci-bench}
head=${HEAD:-HEAD}
netbench=${NETBENCH:-bin/netbench}

build() {
  if [ -z "${NETBENCH:-}" ]; then
    make build
  fi
}

gate() {
  local base
  base=${BASE:-$(git merge-base origin/main "$head")}
  build
  "$netbench" gate --base "$base" --head "$head" ${MODELS:+--models "$MODELS"} --out "$out"
}

export_run() { "$netbench" export "$1" --format all --out "$out"; } # RUN

record() {
  make bench-record
  export_run "$(find results/runs -mindepth 1 -maxdepth 1 -type d | sort | tail -n 1)"
  cp results/history.jsonl "$out/"
}

case ${1:-} in
  gate) gate ;;
  record) record ;;
  export)
    build
    export_run "${2:?which run}"
    ;;
  *)
    sed -n '2,17s/^# \{0,1\}//p' "scripts/${0##*/}"
    exit 2
    ;;
esac
