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
// A headline of which half a dozen blocks and more than a quarter were disturbed is given up: the
// machine is busy, and may be so for minutes. Retry, called when other work has taken some time,
// makes a second attempt at it, in which the first one's blocks do not count.
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
	Done     []record.Record          // of the run that is resumed; Run adds what it measures
	Stop     <-chan struct{}          // closed: give up the block under way, and return
	Note     func(format string, args ...any)
	attempt  int // at headlines, that this call may begin
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
	nth    int           // attempt that is being made
	busy   bool          // given up, because the machine was
	kept   int           // blocks that count
	made   int           // blocks measured, dropped ones included
	took   time.Duration // for all of them
	spent  time.Duration // of it, in this attempt
	target int           // blocks at the next look
	why    string        // it is finished; "": it is not
}

// Retry attempts once more those headlines that Run has given up because the machine was busy, as
// far as they are likely to end within the budget, which is for them alone.
func (c *Campaign) Retry(ctx context.Context, m bench.Matrix, budget time.Duration) (Result, error) {
	second := *c
	second.attempt, second.Budget = 1, budget
	result, err := second.Run(ctx, m)
	result.Resumed = 0
	return result, err
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
	heads := c.headlines(m)
	for _, h := range heads {
		c.judge(h, heads, c.Done)
		if c.attempt > h.nth {
			c.again(h, heads)
		}
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
			c.Done = append(c.Done, recs...)
			for _, rec := range recs {
				result.count(rec)
			}
			c.judge(h, heads, c.Done)
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
	recs, err := c.Measure(ctx, Turns{Steps: h.steps, Block: h.next, Order: slice.ABBA(rng, len(h.steps))})
	for i := range recs {
		recs[i].Attempt = h.nth
	}
	return recs, err
}

// again opens a headline for another attempt if it was given up and there is time, and otherwise
// sees to it that it is left alone.
func (c *Campaign) again(h *headline, heads []*headline) {
	if !h.busy {
		h.why = "it was finished before"
		return
	}
	h.nth, h.kept, h.spent, h.target, h.why = c.attempt, 0, 0, h.steps[0].Blocks, ""
	var promised time.Duration
	for _, other := range heads {
		if other != h && other.nth == c.attempt {
			promised += other.need()
		}
	}
	if promised+h.need() > c.Budget {
		h.nth, h.why = h.nth-1, "no time for another attempt"
		c.note(h, h.why)
		return
	}
	c.note(h, "attempted once more, from the first block on")
}

// judge takes stock of a headline after a block, and decides whether it goes on.
func (c *Campaign) judge(h *headline, heads []*headline, records []record.Record) {
	condition := bench.Condition(h.steps[0].Cell)
	own := h.tally(records)
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
	case state.Unfit && state.Dropped-state.GivenUp >= stats.DefaultMinBlocks/2:
		h.busy = true
		h.why = fmt.Sprintf("the machine is too busy: %d of %d blocks were disturbed",
			state.Dropped-state.GivenUp, h.made-state.GivenUp)
	case looked || h.kept < h.steps[0].Blocks: // or it would end at whatever number the clock likes
		h.why = c.outOfTime(h, heads)
	}
	if h.why != "" && h.nth >= c.attempt {
		c.note(h, h.why)
	}
}

func (c *Campaign) note(h *headline, text string) {
	if c.Note != nil {
		c.Note("%s: %s", cells.Place(bench.Condition(h.steps[0].Cell)), text)
	}
}

// tally picks the records of a headline, and counts its blocks and what they took.
func (h *headline) tally(records []record.Record) []record.Record {
	condition := bench.Condition(h.steps[0].Cell)
	var own []record.Record
	blocks := map[int]bool{}
	h.took, h.spent = 0, 0
	for _, rec := range records {
		if bench.Condition(rec.Cell) != condition || rec.Skipped != "" {
			continue
		}
		own = append(own, rec)
		blocks[rec.Block] = true
		h.next = max(h.next, rec.Block+1)
		h.took += time.Duration(rec.TookS * float64(time.Second))
		if rec.Attempt > h.nth {
			h.nth, h.spent = rec.Attempt, 0
		}
		if rec.Attempt == h.nth {
			h.spent += time.Duration(rec.TookS * float64(time.Second))
		}
	}
	h.made = len(blocks)
	return own
}

// outOfTime says that the next look cannot be afforded beside what is promised to the other
// headlines; "" if it can, or nobody counts.
func (c *Campaign) outOfTime(h *headline, heads []*headline) string {
	if c.Budget == 0 {
		return ""
	}
	var spent, promised time.Duration
	for _, other := range heads {
		if other.nth >= c.attempt {
			spent += other.spent
		}
		if other != h && other.why == "" {
			promised += other.need()
		}
		if other.busy && c.attempt == 0 {
			promised += other.each() * time.Duration(other.steps[0].Blocks) // or Retry would find no time
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
	return h.each() * time.Duration(h.left())
}

// each is how long a block takes.
func (h *headline) each() time.Duration {
	if h.made > 0 {
		return h.took / time.Duration(h.made)
	}
	var each time.Duration
	for _, s := range h.steps {
		each += s.Estimate()
	}
	return each
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
