package experiment

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"iomodels/bench"
	"iomodels/bench/record"
	"iomodels/bench/slice"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// Campaign measures headlines, block after block, until a verdict on each is possible or the
// time is up.
//
//	for each headline, in random order:  block ─▶ save ─▶ disturbed? dropped ─▶ look?
//	                                                                            │
//	     12, 16, 24, 32 kept blocks: are all ratios known to 3 %? is there time? ┘
//
// When to stop follows from the number of blocks, the width of the intervals (stats.Stopping,
// which is not told where they lie) and the clock. Whether a block counts follows from the
// machine's counters. So nothing that decides here can see who wins.
type Campaign struct {
	// Measure makes one block. An error means that ctx ended and there is nothing to record.
	Measure  func(ctx context.Context, t Turns) ([]record.Record, error)
	Save     func(...record.Record) error
	Unable   func(record.Cell) string // as for Runner; what cannot run has no turn
	Progress func(Progress)           // nil: silent
	Env      record.Env               // of the run: seed, baseline, models
	Budget   time.Duration            // 0: as long as it takes
	Done     []record.Record          // of the run that is resumed
	Stop     <-chan struct{}          // closed: give up the block under way, and return
	Note     func(format string, args ...any)
}

// Turns is one block of a headline.
type Turns struct {
	Steps []bench.Step
	Block int
	Order []int // a slice each, by index into Steps
}

// overdraft is how far beyond its budget a campaign goes for the first verdict: without it, all
// that was measured before would have been in vain.
const overdraft = 1.2

// headline is where one condition stands.
type headline struct {
	steps  []bench.Step
	taste  bool          // planned with too few blocks for a verdict: so many are measured, and no more
	next   int           // number of the next block
	kept   int           // blocks that count
	made   int           // blocks measured, dropped ones included
	took   time.Duration // for all of them
	target int           // blocks at the next look
	why    string        // it is finished; "": it is not
}

// Run measures until every headline is finished. It returns early when Stop is closed or ctx
// ends, and says then how many blocks are left of those that were certain to come.
func (c *Campaign) Run(ctx context.Context, m bench.Matrix) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.Stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	var result Result
	records := slices.Clone(c.Done)
	heads := c.headlines(m)
	for _, h := range heads {
		c.judge(h, heads, records)
		result.Resumed += h.made * len(h.steps)
	}
	for round := uint64(0); active(heads) > 0; round++ {
		rng := rand.New(rand.NewPCG(c.Env.Seed, round))
		for _, i := range rng.Perm(len(heads)) {
			h := heads[i]
			if h.why != "" {
				continue
			}
			c.report(h, heads, nil)
			recs, err := c.block(ctx, h, uint64(i))
			if err != nil || ctx.Err() != nil {
				for _, h := range heads {
					result.Left += h.left() * len(h.steps)
				}
				return result, nil
			}
			if err := c.Save(recs...); err != nil {
				return result, err
			}
			records = append(records, recs...)
			for _, rec := range recs {
				result.count(rec)
			}
			c.judge(h, heads, records)
			c.report(h, heads, recs)
		}
	}
	return result, nil
}

// headlines lists what there is to measure, without the servers that cannot run here.
func (c *Campaign) headlines(m bench.Matrix) []*headline {
	var heads []*headline
	for _, steps := range m.Headlines() {
		steps = slices.DeleteFunc(steps, func(s bench.Step) bool { return c.Unable(s.Cell) != "" })
		if len(steps) == 0 {
			continue
		}
		h := &headline{steps: steps}
		h.taste = steps[0].Blocks < stats.DefaultMinBlocks
		heads = append(heads, h)
	}
	return heads
}

// block measures the next block of a headline.
func (c *Campaign) block(ctx context.Context, h *headline, index uint64) ([]record.Record, error) {
	rng := rand.New(rand.NewPCG(c.Env.Seed, index<<32|uint64(h.next)))
	return c.Measure(ctx, Turns{Steps: h.steps, Block: h.next, Order: slice.ABBA(rng, len(h.steps))})
}

// judge takes stock of a headline after a block, and decides whether it goes on.
func (c *Campaign) judge(h *headline, heads []*headline, records []record.Record) {
	condition := bench.Condition(h.steps[0].Cell)
	var own []record.Record
	blocks := map[int]bool{}
	h.took = 0
	for _, rec := range records {
		if bench.Condition(rec.Cell) != condition || rec.Skipped != "" {
			continue
		}
		own = append(own, rec)
		blocks[rec.Block] = true
		h.next = max(h.next, rec.Block+1)
		h.took += time.Duration(rec.TookS * float64(time.Second))
	}
	h.made = len(blocks)
	env := c.Env
	env.Plan, env.Repeats = nil, nil
	state := cells.New(env, own, env.Config.Baseline).Campaign(condition)
	looked := h.target == 0 || state.Blocks >= h.target
	h.kept = state.Blocks
	decision := stats.Stopping{}.Decide(state.Evidence())
	h.target = decision.Next
	switch {
	case h.made == 0:
		h.target = h.steps[0].Blocks
		return
	case h.taste:
		h.target = h.steps[0].Blocks
		if h.made >= h.target {
			h.why = fmt.Sprintf("%d blocks, as planned: too few for a verdict", h.made)
		}
	case decision.Stop:
		h.why = decision.Why
	case state.Unfit && state.Dropped >= stats.DefaultMinBlocks/2:
		h.why = fmt.Sprintf("the machine is too busy: %d of %d blocks were disturbed", state.Dropped, h.made)
	case looked || h.kept < h.steps[0].Blocks: // or it would end at whatever number the clock likes
		h.why = c.outOfTime(h, heads)
	}
	if h.why != "" && c.Note != nil {
		c.Note("%s: %s", cells.Place(condition), h.why)
	}
}

// outOfTime says that the next look cannot be afforded beside what is promised to the other
// headlines; "" if it can, or nobody counts.
func (c *Campaign) outOfTime(h *headline, heads []*headline) string {
	if c.Budget == 0 {
		return ""
	}
	var spent, promised time.Duration
	for _, other := range heads {
		spent += other.took
		if other != h && other.why == "" {
			promised += other.need()
		}
	}
	limit := c.Budget
	if h.kept < h.steps[0].Blocks {
		promised, limit = 0, time.Duration(overdraft*float64(c.Budget))
	}
	if spent+promised+h.need() > limit {
		return fmt.Sprintf("%d blocks: %d would take longer than the time there is", h.kept, h.target)
	}
	return ""
}

// left is how many blocks are missing until the next look.
func (h *headline) left() int {
	if h.why != "" {
		return 0
	}
	if h.taste {
		return max(h.target-h.made, 0)
	}
	return max(h.target-h.kept, 0)
}

// need is how long they take.
func (h *headline) need() time.Duration {
	each := time.Duration(0)
	for _, s := range h.steps {
		each += s.Estimate()
	}
	if h.made > 0 {
		each = h.took / time.Duration(h.made)
	}
	return each * time.Duration(h.left())
}

func active(heads []*headline) int {
	n := 0
	for _, h := range heads {
		if h.why == "" {
			n++
		}
	}
	return n
}

// report shows where the campaign stands, before and after a block, which counts as one visit.
func (c *Campaign) report(h *headline, heads []*headline, made []record.Record) {
	if c.Progress == nil {
		return
	}
	step := h.steps[0]
	step.Cell = bench.Condition(step.Cell)
	step.Cell.Model, step.Blocks = fmt.Sprintf("%d servers", len(h.steps)), max(h.target, h.made)
	p := Progress{Visit: bench.Visit{Step: step, Block: h.next}, Made: len(made) > 0}
	for i, rec := range made {
		if i == 0 || !rec.OK() {
			p.Record = rec
		}
	}
	for _, other := range heads {
		p.At += other.made
		p.Of += other.made + other.left()
		p.Left += other.need()
	}
	if p.Made {
		p.Visit.Block--
	} else {
		p.At++
	}
	c.Progress(p)
}
