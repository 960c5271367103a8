// Package slice lets servers take turns under load, in slices shorter than the moods of a
// machine: a host that changes its speed within seconds then changes it for all of them alike.
//
//	start all ─ probe ─ A B C D ─ D C B A ─ probe ─ stop all        one block
//	                    │
//	                    └ connect, warm up, measure, drain; disturbed? again
//
// A Stand is where slices run: a generator, and CPUs for it and for the servers. Run makes one
// slice; Quiet repeats it while something else disturbs it, judged by the machine's counters
// and never by the figures; Block starts servers anew, gives each its turns in the order asked
// for, and stops them. Whoever needs another plan (two builds, two layouts, another load) makes
// his own Block: a server is a program with netserve's command line, and nothing here knows
// models.
//
// A server that waits for its turn has no connection open, and Block stops it (SIGSTOP): one that
// does nothing still wakes up for its timers, and nine of those on the CPU of the tenth made its
// requests dearer, by 1 % in one model and by 3 in another.
package slice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"iomodels/bench/proc"
	"iomodels/bench/record"
	"iomodels/bench/stats/disturb"
	"iomodels/loadgen"
)

// Stand is where slices run. Its methods may not be called by two goroutines at once: the
// machine can do only one measurement at a time.
type Stand struct {
	Netload      string // program: the generator
	Server, Load []int  // CPUs of either side; the same ones: they share them on purpose
	Machine      proc.MachineReader
	Limits       disturb.Limits // what a slice may bear
	Tries        int            // at most this many for a slice; 0: 4
	StopWithin   time.Duration  // for a server to end after SIGTERM; 0: 5 s
}

// Turn is one slice, measured.
type Turn struct {
	record.Slice
	Summary loadgen.Summary
	Usage   record.Usage // of the server: CPU time and context switches in the window, memory at its end
	Command []string     // of the generator
	Causes  []string     // what disturbed the try that was kept; none: nothing did
}

const (
	readyWithin = 10 * time.Second // for a server to accept connections
	loadWithin  = 2 * time.Second  // for a generator to end after SIGTERM
	hangMargin  = 20 * time.Second // beyond the plan, until a generator counts as hanging
)

// Shared reports whether server and generator run on the same CPUs.
func (s *Stand) Shared() bool { return slices.Equal(s.Server, s.Load) }

func (s *Stand) cpus() []int {
	all := slices.Concat(s.Server, s.Load)
	slices.Sort(all)
	return slices.Compact(all)
}

// Quiet runs a slice, and again while something disturbs it, at most tries times; of disturbed
// tries the calmest is kept. Machine.Tries says how many it took.
func (s *Stand) Quiet(ctx context.Context, server *proc.Server, plan loadgen.Plan, tries int) (Turn, error) {
	var best Turn
	for try := 1; ; try++ {
		turn, err := s.Run(ctx, server, plan)
		if err != nil && !errors.Is(err, proc.ErrStarved) {
			return turn, err
		}
		if err == nil && (best.Seconds == 0 || turn.Machine.ForeignCPU < best.Machine.ForeignCPU) {
			best = turn
		}
		quiet := err == nil && len(turn.Causes) == 0
		if quiet {
			best = turn
		}
		best.Machine.Tries = try
		switch {
		case quiet:
			return best, nil
		case try < tries:
		case best.Seconds == 0:
			return best, err
		default:
			return best, nil
		}
	}
}

// Run makes one slice: a generator that connects, warms up, measures and goes. An error means
// that there is no figure: the server died, nothing was answered, or ctx ended.
func (s *Stand) Run(ctx context.Context, server *proc.Server, plan loadgen.Plan) (Turn, error) {
	plan.Addr, plan.SharedCPU = server.Addr, s.Shared()
	if plan.Loops == 0 {
		plan.Loops = min(len(s.Load), max(plan.Conns, 1))
	}
	var w Window
	spec := proc.LoadSpec{Program: s.Netload, Plan: plan, CPUs: s.Load, OnPhase: func(p proc.Phase) {
		switch p.Name {
		case proc.PhaseMeasure:
			w.From = Look(s.Machine, server.PIDs, s.cpus(), p.At)
		case proc.PhaseDrain:
			w.To = Look(s.Machine, server.PIDs, s.cpus(), p.At)
		}
	}}
	sum, err := s.load(ctx, server, spec)
	if err != nil {
		return Turn{}, err
	}
	turn := Turn{Summary: sum, Command: append([]string{"netload"}, spec.Args()...)}
	if err := w.Err(); err != nil {
		return turn, err
	}
	if sum.Requests.Sent == 0 {
		return turn, fmt.Errorf("the generator sent nothing to %s in the whole slice: %w", server.Addr, proc.ErrStarved)
	}
	if sum.Requests.OK == 0 {
		return turn, fmt.Errorf("no verified reply; errors %v, time-outs %d; the generator says: %s",
			sum.Requests.Errors, sum.Requests.Timeouts, strings.Join(sum.Reasons, "; "))
	}
	w.Fill(&turn.Usage)
	turn.Usage.Syscalls = -1 // counting costs time, and every part of a slice is measured
	if memory, err := proc.ReadMemory(server.PIDs...); err == nil {
		turn.Usage.RSSPeak, turn.Usage.AnonPeak, turn.Usage.Threads = memory.RSS, memory.Anon, memory.Threads
	}
	turn.Slice = record.Slice{
		Seconds: sum.ElapsedS, OK: replies(sum), ServerS: turn.Usage.CPUS, ClientS: sum.Generator.CPUS,
		P50: sum.Response.P50, P99: sum.Response.P99, Machine: w.Machine(sum.Generator.CPUS),
	}
	turn.Causes = s.Limits.Slice(disturb.Slice{Seconds: w.Length().Seconds(), Machine: turn.Machine})
	return turn, nil
}

// load runs the generator until it ends, or must be ended.
func (s *Stand) load(ctx context.Context, server *proc.Server, spec proc.LoadSpec) (loadgen.Summary, error) {
	load, err := proc.StartLoad(spec)
	if err != nil {
		return loadgen.Summary{}, err
	}
	patience := 2*(spec.Plan.Settle+spec.Plan.Warmup+spec.Plan.Duration) + spec.Plan.Timeout + hangMargin
	hang := time.NewTimer(patience)
	defer hang.Stop()
	select {
	case <-load.Exited():
		return load.Summary()
	case <-server.Exited():
		load.Stop(loadWithin)
		return loadgen.Summary{}, errors.New(proc.WithTail(
			fmt.Sprintf("server ended in mid-slice, %v", server.Exit()), server.Tail()))
	case <-hang.C:
		load.Kill()
		return loadgen.Summary{}, errors.New(proc.WithTail(
			fmt.Sprintf("load generator hung: killed after %v", patience), load.Tail()))
	case <-ctx.Done():
		load.Kill()
		return loadgen.Summary{}, context.Cause(ctx)
	}
}

// ABBA is a random order of n servers, and back again: each has as many slices before as after
// any other, so a steady drift favours nobody.
func ABBA(rng *rand.Rand, n int) []int {
	there := rng.Perm(n)
	back := slices.Clone(there)
	slices.Reverse(back)
	return append(there, back...)
}

func (s *Stand) tries() int { return cmp.Or(s.Tries, 4) }
