package experiment

import (
	"context"
	"time"

	"iomodels/bench"
	"iomodels/bench/record"
	"iomodels/bench/slice"
)

// Turns measures one block of a headline with real processes: its servers take turns. It returns
// a record of each, and an error only if ctx ended: such a block is thrown away.
func (r *Rig) Turns(ctx context.Context, t Turns) ([]record.Record, error) {
	begin := time.Now()
	first := t.Steps[0]
	server, load := r.Place.CPUs(first.Cell.Topology)
	stand := &slice.Stand{
		Netload: r.Netload, Server: server, Load: load, Machine: r.Machine, StopWithin: r.StopPatience,
	}
	plan := bench.Visit{Step: first, Block: t.Block}.Plan("", r.Seed)
	plan.Seed = r.Seed + 2*uint64(t.Block) // two turns of each server
	block := slice.Block{Proto: first.Cell.Proto, Plan: plan, Order: t.Order}
	for _, step := range t.Steps {
		block.Arms = append(block.Arms, slice.Arm{
			Name: bench.CellName(step.Cell), Program: r.Netserve, Model: step.Cell.Model, Args: serverArgs(step.Cell),
		})
	}
	out, err := stand.Block(ctx, block)
	if err != nil {
		return nil, err
	}
	share := time.Since(begin).Seconds() / float64(len(t.Steps))
	var recs []record.Record
	for i, step := range t.Steps {
		rec := out.Record(i)
		rec.Cell, rec.Block, rec.Started, rec.TookS = step.Cell, t.Block, begin.UTC(), share
		recs = append(recs, rec)
	}
	return recs, nil
}
