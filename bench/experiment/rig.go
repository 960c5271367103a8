package experiment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"iomodels/bench"
	"iomodels/bench/proc"
	"iomodels/bench/record"
	"iomodels/loadgen"
)

// Rig measures visits with real processes. Its fields are set once; Measure may not be called
// by two goroutines at once, since the machine can only do one measurement at a time.
type Rig struct {
	Netserve, Netload string // the programs
	Place             Placement
	Machine           proc.MachineReader
	CountSyscalls     bool
	Seed              uint64
	StopPatience      time.Duration // for a server to end after SIGTERM; 0: 5 s
	// HangMargin is added to twice the estimate of a visit before a generator that has not
	// ended counts as hanging: a slow machine is no fault. 0: 20 s
	HangMargin time.Duration
}

const (
	readyPatience = 10 * time.Second // for a server to accept connections
	loadPatience  = 2 * time.Second  // for a generator to end after SIGTERM
)

// countedConns is the most connections at which system calls are counted: a counter holds
// kernel memory for every thread, so cells large enough to show memory are not counted.
const countedConns = 999

// Measure starts a server and a generator for the visit, waits for the end, and returns what
// they and the readings say. Nothing it started is left running.
func (r *Rig) Measure(ctx context.Context, visit bench.Visit) (record.Record, error) {
	cell := visit.Step.Cell
	begin := time.Now()
	rec := record.Record{Cell: cell, Block: visit.Block, Started: begin.UTC()}
	rec.Server.Syscalls = -1
	serverCPUs, loadCPUs := r.Place.CPUs(cell.Topology)

	server, counter, err := r.serve(ctx, cell, serverCPUs)
	if err != nil {
		if ctx.Err() != nil {
			return rec, context.Cause(ctx)
		}
		return unserved(rec, err, begin), nil
	}
	if counter != nil {
		defer counter.Close()
	}
	s := &sampler{
		server: server.PIDs, cpus: union(serverCPUs, loadCPUs), machine: r.Machine,
		counter: counter, settle: visit.Step.Settle,
	}
	s.beforeConnections()

	endBeside, err := r.beside(visit.Step, server.Addr, loadCPUs)
	if err != nil {
		server.Kill()
		rec.Failed = err.Error()
		return rec, nil
	}
	sum, why := r.load(ctx, visit, server, loadCPUs, s, &rec)
	endBeside()
	if ctx.Err() != nil {
		server.Kill()
		return rec, context.Cause(ctx)
	}
	r.stop(server, &rec, &why)
	rec.TookS = time.Since(begin).Seconds()
	if why == "" {
		why = s.fill(&rec, sum)
	}
	if why != "" {
		rec.Failed, rec.Load = why, loadgen.Summary{}
	}
	return rec, nil
}

// serve starts the server of a cell, with a counter where one is wanted and allowed.
func (r *Rig) serve(ctx context.Context, cell record.Cell, cpus []int) (*proc.Server, *proc.Counter, error) {
	var counter *proc.Counter
	if r.CountSyscalls && cell.Conns+cell.Idle <= countedConns {
		counter, _ = proc.NewCounter() // that it is allowed was found out before the run
	}
	server, err := proc.Serve(ctx, proc.ServerSpec{
		Program: r.Netserve, Model: cell.Model, Proto: cell.Proto, Args: serverArgs(cell),
		CPUs: cpus, Count: counter, ReadyWithin: readyPatience,
	})
	if err != nil && counter != nil {
		counter.Close()
	}
	return server, counter, err
}

// serverArgs are the flags that a cell asks of its server, beside model and protocol.
func serverArgs(cell record.Cell) []string {
	if cell.Offload > 0 {
		return []string{"--offload", strconv.Itoa(cell.Offload)}
	}
	return nil
}

// unserved is the record of a visit whose server did not come up.
func unserved(rec record.Record, err error, begin time.Time) record.Record {
	var start *proc.StartError
	if errors.As(err, &start) && start.Unavailable {
		rec.Skipped = start.Error()
	} else {
		rec.Failed = err.Error()
	}
	rec.TookS = time.Since(begin).Seconds()
	return rec
}

// besideMax is far longer than any visit: the load beside it is ended, and does not end.
const besideMax = time.Hour

// beside starts the cell's further connection, if it has one, and returns when its first request
// is on the way. end ends it.
func (r *Rig) beside(step bench.Step, addr string, cpus []int) (end func(), err error) {
	cell := step.Cell
	if cell.Beside == "" {
		return func() {}, nil
	}
	begun := make(chan struct{})
	load, err := proc.StartLoad(proc.LoadSpec{
		Program: r.Netload, CPUs: cpus,
		Plan: loadgen.Plan{
			Addr: addr, Proto: cell.Proto, Path: cell.Beside, Conns: 1, Arrival: "closed",
			Duration: besideMax, Timeout: step.Timeout,
		},
		OnPhase: func(p proc.Phase) {
			if p.Name == proc.PhaseMeasure {
				close(begun)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-begun:
		return load.Kill, nil
	case <-load.Exited():
	case <-time.After(readyPatience):
		load.Kill()
	}
	return nil, fmt.Errorf("the load beside, %s: %s", cell.Beside, load.Tail())
}

// load runs the generator against the server until it ends, or must be ended. why says what
// went wrong, if anything did.
func (r *Rig) load(
	ctx context.Context, visit bench.Visit, server *proc.Server, cpus []int, s *sampler, rec *record.Record,
) (sum loadgen.Summary, why string) {
	plan := visit.Plan(server.Addr, r.Seed)
	plan.Loops = min(len(cpus), plan.Conns)
	spec := proc.LoadSpec{Program: r.Netload, Plan: plan, CPUs: cpus, OnPhase: s.phase}
	rec.Command = append([]string{"netload"}, spec.Args()...)
	load, err := proc.StartLoad(spec)
	if err != nil {
		return sum, err.Error()
	}
	patience := 2*visit.Step.Estimate() + visit.Step.Timeout + cmp.Or(r.HangMargin, 20*time.Second)
	hang := time.NewTimer(patience)
	defer hang.Stop()
	select {
	case <-load.Exited():
		if sum, err = load.Summary(); err != nil {
			return sum, err.Error()
		}
		return sum, ""
	case <-server.Exited():
		load.Stop(loadPatience)
		return sum, diedServing(server)
	case <-hang.C:
		load.Kill()
		return sum, proc.WithTail(fmt.Sprintf("load generator hung: killed after %v", patience), load.Tail())
	case <-ctx.Done():
		load.Kill()
		return sum, "interrupted"
	}
}

func diedServing(server *proc.Server) string {
	return proc.WithTail(fmt.Sprintf("server ended in mid-cell, %v", server.Exit()), server.Tail())
}

// stop ends the server and records how it went. A server that had ended by itself explains
// what the generator saw, so it takes precedence over the generator's own words.
func (r *Rig) stop(server *proc.Server, rec *record.Record, why *string) {
	died := false
	select {
	case <-server.Exited():
		died = true
	default:
	}
	patience := cmp.Or(r.StopPatience, 5*time.Second)
	took, killed := server.Stop(patience)
	exit := server.Exit()
	rec.Server.ExitCode, rec.Server.StopS = exit.Code, took.Seconds()
	switch {
	case died || (exit.Signal != "" && !killed):
		*why = diedServing(server)
	case killed:
		rec.Warnings = append(rec.Warnings,
			fmt.Sprintf("server did not end within %v of SIGTERM: killed", patience))
	case exit.Code != 0:
		rec.Warnings = append(rec.Warnings, proc.WithTail(fmt.Sprintf("server stopped with %v", exit), server.Tail()))
	}
}
