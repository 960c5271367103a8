package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"iomodels/bench"
	"iomodels/bench/experiment"
	"iomodels/bench/proc"
	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
)

// finishPatience is how long a cell under way may take to finish after the first Ctrl-C; then
// it is given up, like after a second one.
const finishPatience = 4 * time.Second

// measure makes the headlines and then the visits that are left, and stops in good order when
// it is told to.
func (a *app) measure(ctx context.Context, s *session) (experiment.Result, error) {
	ctx, stop, release := a.obeySignals(ctx)
	defer release()
	view := newView(a.stderr, a.quiet)
	defer view.end()
	rig := &experiment.Rig{
		Netserve: s.programs.Netserve, Netload: s.programs.Netload, Place: s.place,
		Machine: proc.NewMachineReader(), CountSyscalls: s.counting == nil, Seed: s.env.Seed,
	}
	campaign := &experiment.Campaign{
		Measure: rig.Turns, Save: s.save, Progress: view.show, Stop: stop,
		Note: func(format string, args ...any) {
			if !a.quiet {
				view.line(fmt.Sprintf(format, args...))
			}
		},
		Unable: experiment.Preflight(s.env.Models, limits(s.env)), Env: s.env, Budget: s.matrix.Budget,
	}
	runner := &experiment.Runner{
		Measure:   rig.Measure,
		Save:      func(rec record.Record) error { return s.save(rec) },
		Unable:    experiment.Preflight(s.env.Models, limits(s.env)),
		Disturbed: experiment.Disturbed,
		Progress:  view.show,
		Seed:      s.env.Seed,
		Stop:      stop,
	}
	if s.matrix.Limit > 0 {
		runner.Until = time.Now().Add(s.matrix.Limit)
	}
	if s.old != nil {
		runner.Done, campaign.Done = s.old.Records, s.old.Records
	}
	a.announce(s, runner.Outstanding(s.matrix))
	result, err := campaign.Run(ctx, s.matrix)
	if err != nil {
		return result, err
	}
	swept, err := runner.Run(ctx, s.matrix) // at once at its end, if the user has stopped the campaign
	result = result.Plus(swept)
	if err != nil || s.matrix.Limit == 0 || result.Left > 0 {
		return result, err
	}
	retried, err := campaign.Retry(ctx, s.matrix, time.Until(runner.Until))
	return result.Plus(retried), err
}

func (s *session) save(recs ...record.Record) error {
	if s.stain != "" {
		for i := range recs {
			recs[i].Warnings = append(recs[i].Warnings, s.stain)
		}
	}
	return s.writer.Append(recs...)
}

// obeySignals turns the first signal into a wish to stop after the cell under way, and the
// second, or the passing of finishPatience, into an order to stop at once.
func (a *app) obeySignals(parent context.Context) (ctx context.Context, stop <-chan struct{}, release func()) {
	ctx, cancel := context.WithCancel(parent)
	wish := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		select {
		case sig := <-signals:
			a.say("\n%v: finishing the cell under way; once more to stop at once", sig)
		case <-done:
			return
		}
		close(wish)
		select {
		case <-signals:
		case <-time.After(finishPatience):
		case <-done:
			return
		}
		cancel()
	}()
	return ctx, wish, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// limits are the machine's bounds that forbid cells.
func limits(env record.Env) experiment.Limits {
	return experiment.Limits{Nofile: env.Nofile, Threads: threadLimit(env.Limits)}
}

// announce says what will happen, before it does.
func (a *app) announce(s *session, rest experiment.Rest) {
	if s.old != nil {
		for _, w := range s.old.Warnings {
			fmt.Fprintf(a.stderr, "netbench: %s\n", w)
		}
		a.say("resuming %s: %d cells done, %d to do", s.writer.Dir, rest.Done+s.turnsDone(), len(rest.Visits))
	}
	where := fmt.Sprintf("both on CPU %v", s.place.Shared)
	if s.place.Apart() {
		where = fmt.Sprintf("server on CPU %v, generator on CPU %v, shared cells on CPU %v",
			s.place.Server, s.place.Load, s.place.Shared)
	}
	a.say("%s: %d cells in %d blocks, about %s; %s; seed %d", s.matrix.Profile, len(rest.Visits),
		s.matrix.Blocks(), bench.Estimate(rest.Visits).Round(time.Second), where, s.env.Seed)
	if heads := s.matrix.Headlines(); len(heads) > 0 {
		a.say("before them headlines (%d), about %s: servers take turns, until the ratios to %s are known",
			len(heads), s.matrix.HeadlineEstimate().Round(time.Second), s.env.Config.Baseline)
	}
	for _, note := range s.notes {
		a.say("note: %s", note)
	}
	for _, g := range gaps(rest.Unable, skipped) {
		a.say("skipping %d cells: %s", g.cells, g.reason)
	}
}

// turnsDone counts what the resumed run has measured of its headlines.
func (s *session) turnsDone() int {
	n := 0
	for _, steps := range s.matrix.Headlines() {
		for _, rec := range s.old.Records {
			if rec.Skipped == "" && bench.Condition(rec.Cell) == bench.Condition(steps[0].Cell) {
				n++
			}
		}
	}
	return n
}

// conclude writes what is derived from the records, prints the result, and chooses the exit code.
func (a *app) conclude(s *session, result experiment.Result) error {
	if err := s.writer.Close(); err != nil {
		return fmt.Errorf("close run: %w", err)
	}
	run, err := record.Open(s.writer.Dir)
	if err != nil {
		return err
	}
	if err := record.WriteBenchfmt(run); err != nil {
		return err
	}
	if err := a.printResult(run); err != nil {
		return err
	}
	broken, measured := 0, 0
	for _, rec := range run.Records {
		if rec.Failed != "" {
			broken++
		}
		if rec.OK() {
			measured++
		}
	}
	a.say("again: netbench rerun %s", run.Dir)
	switch {
	case result.Left > 0:
		a.say("interrupted with %d cells left; to finish: netbench run --resume %s", result.Left, run.Dir)
		return &exitError{code: exitInterrupted}
	case broken > 0:
		return &exitError{exitFailed, fmt.Errorf("%d measurements failed; the reasons are above and in %s",
			broken, record.RecordsFile)}
	case measured == 0:
		return &exitError{exitUnavailable, fmt.Errorf("nothing of this plan can run here; the reasons are above")}
	}
	return holdLimits(cells.New(run.Env, run.Records, ""), s.limits)
}
