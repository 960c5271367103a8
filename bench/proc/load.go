package proc

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"iomodels/loadgen"
)

// exitInvalid is the exit code of a netload that ran, and judged its own result invalid.
const exitInvalid = 3

// Phase is a moment of a run as netload announces it.
type Phase struct {
	Name string        // one of the Phase constants
	At   time.Duration // CLOCK_MONOTONIC
	OK   uint64        // verified replies until then
}

// The phases, in order.
const (
	PhaseConnected = "connected" // every connection is open, and stays silent while it settles
	PhaseWarmup    = "warmup"    // load begins
	PhaseMeasure   = "measure"   // the measured part begins
	PhaseDrain     = "drain"     // it is over; what is in flight is awaited
	PhaseDone      = "done"
)

// LoadSpec says which load to run.
type LoadSpec struct {
	Program string
	Plan    loadgen.Plan
	CPUs    []int
	OnPhase func(Phase) // called in order, from one goroutine, while the load goes on
}

// yardstick is the transport of every load whose plan names none. The generator's CPU time is the
// measure of the server's, so it must not be chosen by what a load or a machine allows.
const yardstick = "epoll"

// Args is the command line of the load, without the program.
func (s LoadSpec) Args() []string {
	p := s.Plan
	args := []string{"--addr", p.Addr, "--proto", p.Proto, "--json", "--phases"}
	text := func(flag, value string) {
		if value != "" {
			args = append(args, flag, value)
		}
	}
	number := func(flag string, n int) {
		if n != 0 {
			args = append(args, flag, strconv.Itoa(n))
		}
	}
	text("--engine", cmp.Or(p.Engine, yardstick))
	number("--conns", p.Conns)
	number("--idle", p.Idle)
	number("--size", p.Size)
	text("--path", p.Path)
	text("--mix", p.Mix)
	text("--duration", p.Duration.String())
	text("--warmup", p.Warmup.String())
	text("--settle", p.Settle.String())
	if p.Interval > 0 {
		text("--interval", p.Interval.String())
	}
	text("--arrival", p.Arrival)
	number("--rate", int(p.Rate))
	number("--ramp", int(p.RampPerS))
	number("--loops", p.Loops)
	number("--pipeline", p.Pipeline)
	number("--requests-per-conn", p.RequestsPerConn)
	text("--timeout", p.Timeout.String())
	text("--seed", strconv.FormatUint(p.Seed, 10))
	if p.SharedCPU {
		args = append(args, "--shared-cpu")
	}
	return args
}

// Load is a running netload.
type Load struct {
	*Child
	stdout bytes.Buffer
}

// StartLoad starts a load.
func StartLoad(spec LoadSpec) (*Load, error) {
	load := &Load{}
	child, err := Start(Spec{
		Path: spec.Program, Args: spec.Args(), CPUs: spec.CPUs,
		Stdout: &load.stdout,
		Stderr: &lineWriter{each: func(line []byte) { announce(line, spec.OnPhase) }},
	})
	if err != nil {
		return nil, err
	}
	load.Child = child
	return load, nil
}

// announce calls onPhase if the line is a phase, and ignores what is meant for people.
func announce(line []byte, onPhase func(Phase)) {
	var said struct {
		Phase string `json:"phase"`
		AtNS  int64  `json:"at_ns"`
		OK    uint64 `json:"ok"`
	}
	if json.Unmarshal(line, &said) == nil && said.Phase != "" && onPhase != nil {
		onPhase(Phase{Name: said.Phase, At: time.Duration(said.AtNS), OK: said.OK})
	}
}

// Summary is what the load measured, once it has exited. A load that judged itself invalid has
// a summary too; one that could not run, or was killed, has an error with its last words.
func (l *Load) Summary() (loadgen.Summary, error) {
	var sum loadgen.Summary
	exit := l.Exit()
	if exit.Err != nil || exit.Signal != "" || (exit.Code != 0 && exit.Code != exitInvalid) {
		return sum, errors.New(WithTail(fmt.Sprintf("load generator ended, %v", exit), l.words()))
	}
	if err := json.Unmarshal(l.stdout.Bytes(), &sum); err != nil {
		return sum, errors.New(WithTail(fmt.Sprintf("summary of the load generator: %v", err), l.words()))
	}
	return sum, nil
}

// words is what the load said to people: its standard error without the phases.
func (l *Load) words() string {
	var out []byte
	for line := range bytes.Lines([]byte(l.Tail())) {
		if !bytes.HasPrefix(line, []byte(`{"phase"`)) {
			out = append(out, line...)
		}
	}
	return string(bytes.TrimSpace(out))
}
