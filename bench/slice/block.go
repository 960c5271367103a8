package slice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"iomodels/bench/proc"
	"iomodels/bench/record"
	"iomodels/loadgen"
)

// Arm is one server of a block: a program that takes netserve's command line.
type Arm struct {
	Name    string // for messages
	Program string
	Model   string
	Args    []string // further flags
}

// Block is a plan: which servers, under which load, in which order.
type Block struct {
	Arms  []Arm
	Proto string
	Plan  loadgen.Plan // of every slice; address and CPUs come from elsewhere
	Order []int        // a slice each, by index into Arms: see ABBA
}

// Outcome is a block that was measured.
type Outcome struct {
	Arms     []ArmOutcome // as in Block.Arms
	ProbeS   []float64    // what a fixed piece of work took before and after, in seconds
	Repeated int          // slices thrown away because something disturbed them
}

// ArmOutcome is what became of one server.
type ArmOutcome struct {
	Turns       []Turn
	Failed      string // why it has no figure in this block, with its last words
	Unavailable bool   // ... because this machine cannot run it
	Base        proc.Memory
	Exit        proc.Exit
	StopS       float64 // SIGTERM to exit
	Warnings    []string
}

// Block starts the servers, gives each its turns, and stops them; nothing is left running. A
// server that breaks is out for the rest of the block, and the others go on: they are still
// compared with each other. An error means that ctx ended.
func (s *Stand) Block(ctx context.Context, b Block) (Outcome, error) {
	out := Outcome{Arms: make([]ArmOutcome, len(b.Arms))}
	servers := make([]*proc.Server, len(b.Arms))
	for i, arm := range b.Arms {
		servers[i] = s.start(ctx, arm, b.Proto, &out.Arms[i])
	}
	defer s.stop(servers, out.Arms)
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	out.probe(s)
	spare := len(b.Order) / 2 // on a machine that is never quiet a block must not take for ever
	for place, i := range b.Order {
		arm := &out.Arms[i]
		if arm.Failed != "" {
			continue
		}
		plan := b.Plan
		plan.Seed += uint64(len(arm.Turns)) // all servers get the same arrivals, turn by turn
		servers[i].Thaw()
		turn, err := s.Quiet(ctx, servers[i], plan, min(s.tries(), 1+spare))
		servers[i].Freeze()
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		again := max(turn.Machine.Tries-1, 0)
		spare -= again
		out.Repeated += again
		if err != nil {
			arm.Failed = err.Error()
			continue
		}
		turn.At = place
		arm.Turns = append(arm.Turns, turn)
	}
	out.probe(s)
	return out, nil
}

// start starts a server and freezes it until its turn; nil if it did not come up, which is then noted.
func (s *Stand) start(ctx context.Context, arm Arm, proto string, out *ArmOutcome) *proc.Server {
	server, err := proc.Serve(ctx, proc.ServerSpec{
		Program: arm.Program, Model: arm.Model, Proto: proto, Args: arm.Args, CPUs: s.Server, ReadyWithin: readyWithin,
	})
	var start *proc.StartError
	if err != nil {
		out.Failed, out.Unavailable = err.Error(), errors.As(err, &start) && start.Unavailable
		return nil
	}
	if out.Base, err = proc.ReadMemory(server.PIDs...); err != nil {
		out.Warnings = append(out.Warnings, err.Error())
	}
	server.Freeze()
	return server
}

// stop ends the servers and notes how they went.
func (s *Stand) stop(servers []*proc.Server, arms []ArmOutcome) {
	patience := cmp.Or(s.StopWithin, 5*time.Second)
	for i, server := range servers {
		if server == nil {
			continue
		}
		arm := &arms[i]
		server.Thaw() // or it would not hear that it is to end
		took, killed := server.Stop(patience)
		arm.StopS, arm.Exit = took.Seconds(), server.Exit()
		switch {
		case killed:
			arm.Warnings = append(arm.Warnings, fmt.Sprintf("server did not end within %v of SIGTERM: killed", patience))
		case arm.Failed == "" && arm.Exit != (proc.Exit{}):
			arm.Warnings = append(arm.Warnings,
				proc.WithTail(fmt.Sprintf("server stopped with %v", arm.Exit), server.Tail()))
		}
	}
}

// probe takes the speed of the servers' CPU. A probe that cannot be taken judges nobody.
func (out *Outcome) probe(s *Stand) {
	took, err := proc.Probe(s.Server[0])
	if err != nil {
		took = 0
	}
	out.ProbeS = append(out.ProbeS, took.Seconds())
}

// Record is the block of one server as a record, of all its slices together. Cell, block and
// time are the caller's to fill in.
func (out Outcome) Record(i int) record.Record {
	arm := out.Arms[i]
	rec := record.Record{ProbeS: out.ProbeS, Warnings: arm.Warnings}
	switch {
	case arm.Unavailable:
		rec.Skipped = arm.Failed
	case arm.Failed == "" && len(arm.Turns) == 0:
		rec.Failed = "it had no turn"
	default:
		rec.Failed = arm.Failed
	}
	if rec.OK() {
		rec.Load, rec.Server, rec.Machine = merge(arm.Turns)
		rec.Command = arm.Turns[0].Command
		for _, t := range arm.Turns {
			rec.Slices = append(rec.Slices, t.Slice)
		}
	}
	rec.Server.RSSBase, rec.Server.AnonBase = arm.Base.RSS, arm.Base.Anon
	rec.Server.ExitCode, rec.Server.StopS = arm.Exit.Code, arm.StopS
	return rec
}
