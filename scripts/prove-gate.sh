#!/usr/bin/env bash
# Tests the gate itself, and writes what came out into bench/GATE.md. It runs the whole gate on
# builds of HEAD: equal ones, and ones with a fault. Every run is kept in the file, so it may be
# stopped and called again.
#
#   scripts/prove-gate.sh --aa [N]        equal builds, 59 runs of counts and 20 timed ones, or N of each
#   scripts/prove-gate.sh --sensitivity   the faults: syscall, alloc, memory, CPU, stall
#   scripts/prove-gate.sh --table         only the page
#
# Further arguments go to `netbench gate prove`: --budget 20m, --out FILE, --trial 'same, times'.
set -eu -o pipefail
cd "$(dirname "$0")/.."
mode=${1:---help}
shift || true
case $mode in
  --aa)
    if [[ ${1:-} =~ ^[0-9]+$ ]]; then
      set -- --runs "$@"
    fi
    set -- --trial 'same, counts' --trial 'same, times' "$@"
    ;;
  --sensitivity)
    set -- --trial syscall --trial alloc --trial memory --trial 'cpu +20 %' --trial 'cpu +10 %' --trial stall "$@"
    ;;
  --table) set -- --table "$@" ;;
  *)
    sed -n '2,10s/^# \{0,1\}//p' "scripts/${0##*/}"
    exit 2
    ;;
esac
make build >/dev/null
bin/netbench gate prove "$@"
# Where the runs are, the page follows; with --out FILE call --table --out FILE for it.
case " $* " in
  *" --table "* | *" --out "*) ;;
  *) bin/netbench gate prove --table ;;
esac
