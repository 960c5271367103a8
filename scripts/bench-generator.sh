#!/usr/bin/env bash
# What the load generator costs beside wrk (Debian package wrk, one thread), and whether it is on
# time: client CPU per request over the server's in the same slice, at saturation, 256 keep-alive
# HTTP connections, 12 ABBA rounds; then its lag at 20,000 requests per second. Two quiet CPUs.
#   scripts/bench-generator.sh [FLAG...]      flags of `netbench generator`; BIN=folder of the programs
# Exit 0: everything holds, or wrk is absent and its part SKIPPED. 1: something was missed.
set -eu -o pipefail
bin=${BIN:-bin}
[ -x "$bin/netbench" ] || { echo "$bin/netbench is not there: make build" >&2; exit 2; }
exec "$bin/netbench" generator "$@"
