package gate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"

	"iomodels/bench/duel"
	"iomodels/bench/proc"
	"iomodels/bench/record"
	"iomodels/bench/stats"
)

// The metrics of speed. Cost survives a machine that changes its speed, and repeats to a few
// per cent; it sees only what the server computes. Rate sees also what it waits for, and what
// it makes its clients do, but only large changes of it.
const (
	Cost = "server CPU over generator CPU"
	Rate = "replies per second"
)

// tooNoisy is the change of the cost that a run must be able to find; one that cannot decides
// nothing.
const tooNoisy = 0.20

// disturbedMax is the share of slices that somebody else's work may have spoilt.
const disturbedMax = 0.25

// Race says how to time two builds against each other.
type Race struct {
	Base, Head Build
	Same       map[string]bool // models with equal code: not timed
	Models     []string        // as in Plan
	Blocks     int             // 0: as many as the tests need, at least 12
	Seed       uint64          // of layouts, order and load
	Dir        string          // for the linked programs
	Options    duel.Options    // CPU, generator and slices; the rest is set here
	Notify     func(format string, args ...any)
	// Link makes a program of a build with a layout of its own; nil: Build.Link.
	Link func(ctx context.Context, b Build, seed uint64, path string) error
	// Fight runs one round of a duel; nil: duel.Fight.
	Fight func(context.Context, duel.Side, duel.Side, duel.Workload, duel.Options) (duel.Result, error)
}

// Heat is what the blocks of one model under one load have yielded.
type Heat struct {
	Model    string
	Load     duel.Workload
	Logs     map[string][]float64 // by metric, a value per block: ln of how much worse head is
	Slices   int
	Repeated int // slices that somebody else disturbed, and that were measured again
}

// Times runs the race: all models under all their loads in every block, each block with
// programs linked anew. What is slower must be slower again, in as many further blocks.
func Times(ctx context.Context, r Race) (rows []Row, out []string, err error) {
	if r.Fight == nil {
		r.Fight = duel.Fight
	}
	if r.Link == nil {
		r.Link = func(ctx context.Context, b Build, seed uint64, path string) error { return b.Link(ctx, seed, path) }
	}
	if r.Notify == nil {
		r.Notify = func(string, ...any) {}
	}
	heats, out, err := r.heats(ctx)
	if err != nil || len(heats) == 0 {
		return nil, out, err
	}
	blocks := max(r.Blocks, BlocksFor(len(heats)*2))
	if err := r.stage(ctx, heats, blocks, 1); err != nil {
		return nil, out, err
	}
	rows = JudgeTimes(heats)
	var suspects []Heat
	for _, h := range heats {
		if slices.ContainsFunc(rows, func(row Row) bool { return row.State == Worse && row.of(h) }) {
			suspects = append(suspects, h.empty())
		}
	}
	if len(suspects) == 0 {
		return rows, out, nil
	}
	r.Notify("%d of %d loads look slower: timing them again, to confirm", len(suspects), len(heats))
	if err := r.stage(ctx, suspects, blocks, 2); err != nil {
		return nil, out, err
	}
	return ConfirmTimes(rows, suspects), out, nil
}

func (row Row) of(h Heat) bool { return row.Model == h.Model && row.Load == label(h.Load) }

func (h Heat) empty() Heat { return Heat{Model: h.Model, Load: h.Load, Logs: map[string][]float64{}} }

// label is a load in two words, for a row.
func label(w duel.Workload) string { return fmt.Sprintf("%s ×%d", w.Proto, w.Conns) }

// heats lists what to time: every model that both builds have and whose code differs, under its
// loads.
func (r Race) heats(ctx context.Context) (heats []Heat, out []string, err error) {
	models, out, err := Plan{Base: r.Base, Head: r.Head, Same: r.Same, Models: r.Models}.comparable(ctx)
	for _, m := range models {
		for _, load := range loads(m) {
			heats = append(heats, Heat{Model: m.Name, Load: load}.empty())
		}
	}
	return heats, out, err
}

// loads are small messages: by one connection, so that each request is alone; and on so many
// connections that a loop finds many ready at once. In the crowd alone, a proactor whose requests
// cost 20 % more was found in one case of three: it took larger helpings, and so did the generator.
// Who speaks both protocols speaks one in each.
func loads(m record.ModelInfo) []duel.Workload {
	speaks := func(proto string) bool { return len(m.Protocols) == 0 || slices.Contains(m.Protocols, proto) }
	alone, crowd := duel.Workload{Proto: "echo", Conns: 1, Size: messageSize}, duel.Workload{Proto: "http", Conns: 256}
	switch {
	case !speaks(alone.Proto):
		alone.Proto, alone.Size = crowd.Proto, 0
	case !speaks(crowd.Proto):
		crowd.Proto, crowd.Size = alone.Proto, alone.Size
	}
	return []duel.Workload{alone, crowd}
}

// stage runs the blocks of a stage. The seed of everything in it follows from the race's.
func (r Race) stage(ctx context.Context, heats []Heat, blocks int, nth uint64) error {
	rng := rand.New(rand.NewPCG(r.Seed, nth))
	programs := [2]string{filepath.Join(r.Dir, "timed-base"), filepath.Join(r.Dir, "timed-head")}
	for block := range blocks {
		if err := r.link(ctx, programs, [2]uint64{rng.Uint64(), rng.Uint64()}); err != nil {
			return err
		}
		for _, i := range rng.Perm(len(heats)) {
			if err := r.heat(ctx, &heats[i], programs, rng.Uint64(), block%2 == 1); err != nil {
				return err
			}
		}
		r.Notify("timed block %d/%d", block+1, blocks)
	}
	return nil
}

// link makes both programs of a block at once: nothing is timed meanwhile.
func (r Race) link(ctx context.Context, programs [2]string, seeds [2]uint64) error {
	var errs [2]error
	var linking sync.WaitGroup
	for i, b := range []Build{r.Base, r.Head} {
		linking.Go(func() { errs[i] = r.Link(ctx, b, seeds[i], programs[i]) })
	}
	linking.Wait()
	return errors.Join(errs[:]...)
}

// heat runs one block of a model under a load. Who comes first alternates.
func (r Race) heat(ctx context.Context, h *Heat, programs [2]string, seed uint64, swapped bool) error {
	sides := [2]duel.Side{
		{Name: "base", Program: programs[0], Model: h.Model},
		{Name: "head", Program: programs[1], Model: h.Model},
	}
	sign := -1.0 // a ratio is that of the first side to the second
	if swapped {
		sides[0], sides[1] = sides[1], sides[0]
		sign = 1
	}
	opt := r.Options
	opt.Rounds, opt.Seed = 1, seed>>1
	res, err := r.Fight(ctx, sides[0], sides[1], h.Load, opt)
	if err != nil && ctx.Err() == nil {
		r.Notify("once more: %s, %s: %v", h.Model, h.Load, err)
		res, err = r.Fight(ctx, sides[0], sides[1], h.Load, opt)
	}
	starved := errors.Is(err, proc.ErrStarved)
	if err != nil && !starved {
		return fmt.Errorf("%s, %s: %w", h.Model, h.Load, err)
	}
	h.Slices += slicesOfRound
	if starved || res.Norm.Value <= 0 || res.Rate.Value <= 0 { // somebody else's work has eaten the block whole
		h.Repeated += slicesOfRound
		return nil
	}
	h.Logs[Cost] = append(h.Logs[Cost], sign*math.Log(res.Norm.Value))
	h.Logs[Rate] = append(h.Logs[Rate], -sign*math.Log(res.Rate.Value))
	h.Repeated += res.Repeated
	return nil
}

// slicesOfRound is A B B A.
const slicesOfRound = 4

// JudgeTimes says which lanes are slower beyond the margin, over all tests together, and what
// it could have found.
func JudgeTimes(heats []Heat) []Row {
	var rows []Row
	var slower, faster []float64
	for _, h := range heats {
		for _, metric := range []string{Cost, Rate} {
			logs := h.Logs[metric]
			iv := stats.HodgesLehmann(logs, stats.Level).Map(math.Exp)
			if metric == Rate {
				iv = iv.Map(func(x float64) float64 { return 1 / x })
			}
			rows = append(rows, Row{Model: h.Model, Load: label(h.Load), Metric: metric, Ratio: iv, Logs: logs})
			slower = append(slower, beyond(logs))
			faster = append(faster, beyond(negated(logs)))
		}
	}
	slower, faster = stats.Holm(slower), stats.Holm(faster)
	reaches := map[int]float64{} // by blocks: mostly all have the same
	for i := range rows {
		n := len(rows[i].Logs)
		reach, known := reaches[n]
		if !known {
			reach = effect(n, familyAlpha/float64(len(rows)))
			reaches[n] = reach
		}
		rows[i].Detectable = detectable(reach, spread(rows[i].Logs))
		switch {
		case slower[i] <= familyAlpha:
			rows[i].State = Worse
		case faster[i] <= familyAlpha:
			rows[i].State = Better
		default:
			rows[i].State = Same
		}
	}
	for i := range heats {
		doubt(heats[i], rows[2*i:2*i+2])
	}
	return rows
}

// doubt takes back what was said of a lane whose measurement was too noisy to say anything: a
// machine's mood must neither stop a merge nor wave one through.
func doubt(h Heat, rows []Row) {
	why := h.disturbed()
	switch {
	case why != "":
	case len(rows[0].Logs) < leastBlocks:
		why = fmt.Sprintf("%d blocks: a verdict needs %d", len(rows[0].Logs), leastBlocks)
	case rows[0].Detectable > tooNoisy:
		why = fmt.Sprintf("too noisy: only a rise of %.0f %% would have been found", 100*rows[0].Detectable)
	}
	if why == "" {
		return
	}
	for i := range rows {
		rows[i].State, rows[i].Why = Unsteady, why
	}
}

// disturbed says why a lane cannot be believed; "" if it can. It looks at the machine alone.
func (h Heat) disturbed() string {
	if float64(h.Repeated) <= disturbedMax*float64(h.Slices) {
		return ""
	}
	return fmt.Sprintf("somebody else used the CPU: %d repetitions of %d slices", h.Repeated, h.Slices)
}

// ConfirmTimes joins the rows of the first stage with the blocks of the second: worse is what
// both say.
func ConfirmTimes(rows []Row, second []Heat) []Row {
	out := slices.Clone(rows)
	for i, row := range out {
		at := slices.IndexFunc(second, func(h Heat) bool { return row.of(h) })
		if row.State != Worse || at < 0 {
			continue
		}
		again := second[at].Logs[row.Metric]
		switch why := second[at].disturbed(); {
		case why != "":
			out[i].State, out[i].Why = Unsteady, why
		case beyond(again) > confirmAlpha:
			out[i].State = Same
			out[i].Why = fmt.Sprintf("slower at first, and not in %d new blocks", len(again))
		default:
			out[i].Why = fmt.Sprintf("and again in %d new blocks", len(again))
		}
	}
	return out
}

func negated(xs []float64) []float64 {
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = -x
	}
	return out
}
