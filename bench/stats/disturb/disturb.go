// Package disturb judges which blocks of a campaign something else got in the way of. It is
// arithmetic over what was read from the machine: it knows no rate, no latency and no model,
// so it cannot drop a block for what its figures say. Whoever repeats what looks slow measures
// his own wishes.
//
// A slice is the shortest piece of load that is accounted for; a block is what is repeated or
// dropped as a whole, for every server in it. A slice should be repeated first; a block that
// stays disturbed is left out and replaced. Where too many are, the machine is not fit, and
// the campaign has no verdict: that is neither a pass nor a failure.
//
// Waiting for the processor (pressure stall of cpu) is no sign of a neighbour where server and
// generator fill the machine by themselves, and who waits for a disk takes no processor from
// anybody: on an idle machine one measurement in eleven had somebody waiting for a disk more
// than 1 % of its time. Neither is looked at.
package disturb

import (
	"fmt"
	"math"
	"slices"

	"iomodels/bench/record"
)

// Slice is what happened to the machine in a piece of the measurement.
type Slice struct {
	Seconds float64 // its length
	Machine record.Machine
}

// Block is a block's slices, and the time that a fixed piece of work took right before and
// right after it, in seconds; 0: it was not taken. The work is the same each time (hash this,
// send that to and fro), so it stands for the speed of a processor whose clock cannot be read.
type Block struct {
	Slices                  []Slice
	ProbeBefore, ProbeAfter float64
}

// Limits are what a slice or block may bear. The zero value of a field is its default.
type Limits struct {
	Steal    float64 // share of the slice that the hypervisor took, summed over the processors; 0.03
	Foreign  float64 // processors busy for others; 0.10
	Stall    float64 // share of the slice that something waited for memory; 0.01
	Grain    float64 // seconds: a reading of /proc/stat is no finer than its ticks; 0.03
	Drift    float64 // the probe may change by this share between before and after; 0.10
	Outlying float64 // ... and lie this many median deviations from the campaign's median; 4
	Dropped  float64 // share of blocks beyond which the campaign has no verdict; 0.25
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *float64
		value float64
	}{
		{&l.Steal, 0.03},
		{&l.Foreign, 0.10},
		{&l.Stall, 0.01},
		{&l.Grain, 0.03},
		{&l.Drift, 0.10},
		{&l.Outlying, 4},
		{&l.Dropped, 0.25},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return l
}

// Slice says what disturbed a slice; nothing: it counts.
func (l Limits) Slice(s Slice) []string {
	l = l.withDefaults()
	if s.Seconds <= 0 {
		return []string{"it has no length"}
	}
	var causes []string
	m := s.Machine
	if m.StealS > l.Steal*s.Seconds+l.Grain {
		causes = append(causes, fmt.Sprintf("the hypervisor took %.0f %% of it", 100*m.StealS/s.Seconds))
	}
	if m.ForeignCPU*s.Seconds > l.Foreign*s.Seconds+l.Grain {
		causes = append(causes, fmt.Sprintf("other processes kept %.2f processors busy", m.ForeignCPU))
	}
	if m.MemStallS > l.Stall*s.Seconds {
		causes = append(causes, fmt.Sprintf("processes waited for memory %.0f %% of it", 100*m.MemStallS/s.Seconds))
	}
	return causes
}

// Campaign is what the detector says of all blocks together.
type Campaign struct {
	Causes  [][]string // per block: why it is to be dropped; none: it counts
	Dropped int
	Unfit   bool // so many were dropped that no verdict may be given
}

// Kept reports whether block i counts.
func (c Campaign) Kept(i int) bool { return len(c.Causes[i]) == 0 }

// Campaign judges every block by its slices, by how the probe changed over it, and by how far
// its probe lies from those of the other blocks.
func (l Limits) Campaign(blocks []Block) Campaign {
	l = l.withDefaults()
	c := Campaign{Causes: make([][]string, len(blocks))}
	centre, deviation := spread(probes(blocks))
	for i, b := range blocks {
		for n, s := range b.Slices {
			for _, cause := range l.Slice(s) {
				c.Causes[i] = append(c.Causes[i], fmt.Sprintf("slice %d: %s", n+1, cause))
			}
		}
		c.Causes[i] = append(c.Causes[i], l.probe(b, centre, deviation)...)
		if !c.Kept(i) {
			c.Dropped++
		}
	}
	c.Unfit = float64(c.Dropped) > l.Dropped*float64(len(blocks))
	return c
}

// probe judges a block by its own probes and by the campaign's, in logarithms.
func (l Limits) probe(b Block, centre, deviation float64) []string {
	if b.ProbeBefore <= 0 || b.ProbeAfter <= 0 {
		return nil
	}
	var causes []string
	took := func(logRatio float64, than string) {
		causes = append(causes, fmt.Sprintf("a fixed piece of work took %.2f times as long %s", math.Exp(logRatio), than))
	}
	change := math.Log(b.ProbeAfter / b.ProbeBefore)
	if math.Abs(change) > math.Log1p(l.Drift) {
		took(change, "after it as before")
	}
	off := math.Log(b.ProbeBefore*b.ProbeAfter)/2 - centre
	// Where all probes are nearly equal, a few deviations are nothing: half the drift must be there, too.
	if math.Abs(off) > l.Outlying*deviation && math.Abs(off) > math.Log1p(l.Drift)/2 {
		took(off, "as in the other blocks")
	}
	return causes
}

// probes are the logarithms of the blocks' mean probes, of those that have them.
func probes(blocks []Block) []float64 {
	var logs []float64
	for _, b := range blocks {
		if b.ProbeBefore > 0 && b.ProbeAfter > 0 {
			logs = append(logs, math.Log(b.ProbeBefore*b.ProbeAfter)/2)
		}
	}
	return logs
}

// spread is the median and the median absolute deviation from it.
func spread(xs []float64) (centre, deviation float64) {
	if len(xs) == 0 {
		return 0, 0
	}
	median := func(xs []float64) float64 {
		s := slices.Sorted(slices.Values(xs))
		return s[(len(s)-1)/2]/2 + s[len(s)/2]/2
	}
	centre = median(xs)
	deviations := make([]float64, len(xs))
	for i, x := range xs {
		deviations[i] = math.Abs(x - centre)
	}
	return centre, median(deviations)
}
