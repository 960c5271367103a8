#!/usr/bin/env bash
# Fails when gofumpt would change a file. Arguments: the command that runs pinned tools.
set -eu -o pipefail
git ls-files -z '*.go' | xargs -0 "$@" gofumpt -l | tee /dev/stderr | (! grep -q .)
