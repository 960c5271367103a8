package synth

import (
	"math"
	"math/rand/v2"

	"iomodels/bench/record"
)

// TakeTurns makes headlines of the cells of a run whose server and generator share a CPU: each
// record gets two slices, and the baseline a twin whose cost strays by the spread.
func TakeTurns(run *record.Run, baseline string, spread float64) *record.Run {
	rng := rand.New(rand.NewPCG(uint64(len(run.Records)), 0x7415))
	run.Env.Config.Baseline = baseline
	var twins []record.Record
	for i := range run.Records {
		r := &run.Records[i]
		if r.Cell.Topology != "shared" || !r.OK() {
			continue
		}
		r.Slices = slicesOf(*r)
		if r.Cell.Model == baseline {
			twin := *r
			twin.Cell.Arm = record.Twin
			twin.Server.CPUS *= math.Exp(spread * rng.NormFloat64())
			twin.Slices = slicesOf(twin)
			twin.Seq = len(run.Records) + len(twins) + 1
			twins = append(twins, twin)
		}
	}
	run.Records = append(run.Records, twins...)
	return run
}

// slicesOf cuts a record in two halves.
func slicesOf(r record.Record) []record.Slice {
	var out []record.Slice
	for at := range 2 {
		out = append(out, record.Slice{
			At: at, Seconds: r.Load.ElapsedS / 2, OK: r.Replies() / 2, ServerS: r.Server.CPUS / 2,
			ClientS: r.Load.Generator.CPUS / 2, P50: r.Load.Response.P50, P99: r.Load.Response.P99,
			Machine: record.Machine{Tries: 1},
		})
	}
	return out
}
