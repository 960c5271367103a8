# Everything a person does here. `make help` lists it; CONTRIBUTING.md says more.
# Nothing needs root, a browser, or the network beyond the Go module proxy.

SHELL        := /bin/bash
.SHELLFLAGS  := -eu -o pipefail -c
GO           ?= go
BIN          := bin
TOOL         := $(GO) tool -modfile=scripts/tools/go.mod
# The race detector needs a C compiler; without one the tests still run, and say so.
CC_FOUND     := $(shell command -v gcc || command -v clang || command -v cc)
RACE         := $(if $(CC_FOUND),-race,)
# Tests mostly wait, for sockets and time-outs: four packages at a time use two processors well.
PROFILE      ?= default
RUN          ?=

export GOFLAGS := -buildvcs=false

.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## the three programs, into bin/ (static, no C compiler needed)
	@mkdir -p $(BIN)
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ ./servers/cmd/netserve ./loadgen/cmd/netload ./bench/cmd/netbench

.PHONY: floor
floor: ## the C floor servers, into bin/ (needs a C compiler)
	scripts/floor.sh

.PHONY: test
test: build ## every test, with the race detector where a C compiler is found; ten seconds of fuzzing
	@test -n "$(RACE)" || echo "SKIPPED: the race detector (no C compiler found: install gcc or clang); tests run without it"
	$(GO) vet ./...
	$(GO) test $(RACE) -p 4 -timeout 7m ./...
	$(GO) test -tags indirect ./servers/rawcall ./servers/sock ./servers/reactor/demux
	FUZZTIME=10s scripts/fuzz-smoke.sh

.PHONY: race
race: ## the model tests again, with the race detector, three times
	@test -n "$(RACE)" || { echo "no C compiler found: install gcc or clang"; exit 1; }
	$(GO) test -race -count=3 -timeout 30m ./servers/...

.PHONY: lint
lint: ## gofmt, go vet, staticcheck and gofumpt at pinned versions
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "gofmt would change these"; exit 1; }
	$(GO) vet ./...
	@scripts/with-tools.sh $(TOOL) staticcheck ./...
	@scripts/with-tools.sh scripts/gofumpt.sh $(TOOL)

.PHONY: fuzz-smoke
fuzz-smoke: ## every fuzz target for a minute each, two at a time
	FUZZTIME=60s scripts/fuzz-smoke.sh

.PHONY: quick
quick: build ## every model once, under 90 seconds; nothing committed is touched
	$(BIN)/netbench run --profile quick --out results/runs

.PHONY: bench
bench: build ## the main job: run the default matrix, draw the charts, write REPORT.md
	scripts/bench.sh default

.PHONY: bench-full
bench-full: build ## the long matrix (hours): more sizes, blocks and longer windows
	scripts/bench.sh full

.PHONY: bench-record
bench-record: bench ## make bench, then append its figures to results/history.jsonl, and draw them
	$(BIN)/netbench history add "$$(find results/runs -mindepth 1 -maxdepth 1 -type d | sort | tail -n 1)"
	$(BIN)/netbench history draw

.PHONY: gate
gate: build ## compare the work tree with a commit: make gate BASE=main
	$(BIN)/netbench gate --base $(or $(BASE),main)

.PHONY: prove-gate
prove-gate: ## test the gate itself, on equal builds and on faults (an hour; can be stopped and resumed)
	scripts/prove-gate.sh --aa
	scripts/prove-gate.sh --sensitivity

.PHONY: bench-generator
bench-generator: build ## what the load generator costs beside wrk, and its lag (needs wrk)
	scripts/bench-generator.sh

.PHONY: fail
fail: build ## each I/O model made to fail on purpose, and its remedy: make fail, or make fail F=4
	$(BIN)/netbench fail $(F)

.PHONY: lesson
lesson: probe ## a lesson: make lesson N=7 asks and runs it, CHECK=1 checks its exercise; without N, the list
	$(BIN)/netbench lesson $(N) $(if $(CHECK),--check)

.PHONY: lessons
lessons: probe ## all lessons, asking nothing, into results/lessons; fails if one no longer holds
	$(BIN)/netbench lesson --all

.PHONY: report
report: build ## redraw charts and tables from a run: make report RUN=results/runs/...
	$(BIN)/netbench report $(RUN)

.PHONY: probe
probe: build ## netserve with probes, bin/netserve-probe: what traces are captured with
	CGO_ENABLED=0 $(GO) build -tags probe -trimpath -o $(BIN)/netserve-probe ./servers/cmd/netserve

.PHONY: traces
traces: probe ## capture every model anew, and draw results/lessons from the traces
	$(BIN)/netbench traces --capture results/lessons

.PHONY: pictures
pictures: build ## draw results/lessons from the traces that are there (after a change of the code)
	$(BIN)/netbench traces results/lessons

.PHONY: clean
clean: ## remove what was built; results stay
	rm -rf $(BIN)
