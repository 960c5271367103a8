package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"iomodels/bench"
	"iomodels/bench/gate"
	"iomodels/bench/proc"
	"iomodels/bench/record"
	"iomodels/bench/report"
)

// faultVariable names the fault to a server that was built with the tag inject.
const faultVariable = "NETSERVE_INJECT"

// proveFlags are the flags of gate prove.
type proveFlags struct {
	trials    []string
	runs      int
	budget    time.Duration
	out, page string
	commit    string
	table     bool
}

func (a *app) proveCommand() *cobra.Command {
	var f proveFlags
	cmd := &cobra.Command{
		Use:   "prove",
		Short: "Test the gate itself: equal builds, and builds with a fault",
		Long: "Prove runs the whole gate, again and again, on builds of one commit: on equal ones, of which it must\n" +
			"say nothing, and on ones with a fault that it must find. Each run is a line in the file --out, so it\n" +
			"can be stopped and called again until all trials have their runs. --table writes the page from it.\n\n" +
			"Trials: " + strings.Join(trialNames(), "; ") + ".",
		Example: `  netbench gate prove --trial 'same, counts' --budget 20m
  netbench gate prove --table`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.prove(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.trials, "trial", nil, "only this `trial` (may be given again)")
	flags.IntVar(&f.runs, "runs", 0, "runs of each trial in all; 0: as many as the trial wants")
	flags.DurationVar(&f.budget, "budget", 0, "begin no run that would probably end later; 0: no bound")
	flags.StringVar(&f.out, "out", filepath.Join("results", "gate.jsonl"), "`file` of runs, only appended to")
	flags.StringVar(&f.page, "page", filepath.Join("bench", "GATE.md"), "`file` that --table writes into")
	flags.StringVar(&f.commit, "commit", "HEAD", "what to build")
	flags.BoolVar(&f.table, "table", false, "only write the table")
	return cmd
}

func trialNames() (names []string) {
	for _, t := range gate.Trials() {
		names = append(names, t.Name)
	}
	return names
}

func (a *app) prove(ctx context.Context, f proveFlags) error {
	if f.table {
		return a.proofPage(f)
	}
	for _, name := range f.trials {
		if known := trialNames(); !slices.Contains(known, name) {
			return &bench.UnknownError{What: "trial", Name: name, Known: known}
		}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	began, longest := time.Now(), time.Duration(0)
	for {
		next, nth, err := f.next()
		if err != nil || next == nil {
			return err
		}
		if f.budget > 0 && time.Since(began)+longest > f.budget {
			a.say("the budget is spent; run %d of %s is next", nth+1, next.Name)
			return nil
		}
		start := time.Now()
		proof, err := a.proveOnce(ctx, f, *next, next.Models[nth%len(next.Models)])
		switch {
		case ctx.Err() != nil:
			return &exitError{exitInterrupted, errors.New("interrupted; finished runs are kept")}
		case err != nil:
			return err
		}
		longest = max(longest, time.Since(start))
		if err := gate.AddProof(f.out, proof); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%s, run %d, %s: %v in %.0f s\n", next.Name, nth+1, proof.Model, proof.Verdict, proof.TookS)
	}
}

// next is the first trial that lacks runs, and how many it has; nil: all are done.
func (f proveFlags) next() (*gate.Trial, int, error) {
	proofs, err := gate.Proofs(f.out)
	if err != nil {
		return nil, 0, err
	}
	for _, t := range gate.Trials() {
		if len(f.trials) > 0 && !slices.Contains(f.trials, t.Name) {
			continue
		}
		if f.runs > 0 {
			t.Runs = f.runs
		}
		has := len(slices.DeleteFunc(slices.Clone(proofs), func(p gate.Proof) bool { return p.Trial != t.Name }))
		if has < t.Runs {
			return &t, has, nil
		}
	}
	return nil, 0, nil
}

// proveOnce runs the gate as a user would: as a process, by its command line.
func (a *app) proveOnce(ctx context.Context, f proveFlags, t gate.Trial, model string) (gate.Proof, error) {
	began := time.Now()
	proof := gate.Proof{Trial: t.Name, Model: model, Seed: rand.Uint64() >> 1}
	if t.Stage == gate.StageTails {
		return a.proveTails(ctx, f, t, proof)
	}
	dir, err := os.MkdirTemp("", "netbench-prove-")
	if err != nil {
		return proof, fmt.Errorf("make a folder for the report: %w", err)
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return proof, fmt.Errorf("find own program: %w", err)
	}
	args := []string{
		"gate", "--base", f.commit, "--head", f.commit, "--even-same", "--models", model, "--stages", t.Stage,
		"--seed", strconv.FormatUint(proof.Seed, 10), "--out", dir, "--quiet",
	}
	if a.bin != "" {
		args = append(args, "--bin", a.bin)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = os.Environ()
	if t.Fault != "" {
		cmd.Args = append(cmd.Args, "--head-tags", "inject")
		cmd.Env = append(cmd.Env, faultVariable+"="+t.Fault)
	}
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); err != nil && code != exitFailed && code != exitUnavailable {
		return proof, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "gate.json"))
	if err != nil {
		return proof, fmt.Errorf("read report: %w\n%s", err, out)
	}
	var found gate.Report
	if err := json.Unmarshal(data, &found); err != nil {
		return proof, fmt.Errorf("read report: %w", err)
	}
	proof.Commit, proof.Rows, proof.Verdict = found.Head, found.Rows, found.Verdict
	proof.Finished, proof.TookS = time.Now().UTC().Truncate(time.Second), time.Since(began).Seconds()
	return proof, nil
}

// proveTails looks where in the response times a fault shows.
func (a *app) proveTails(ctx context.Context, f proveFlags, t gate.Trial, proof gate.Proof) (gate.Proof, error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", "netbench-prove-")
	if err != nil {
		return proof, fmt.Errorf("make a folder for the builds: %w", err)
	}
	defer os.RemoveAll(dir)
	programs, err := a.programs()
	if err != nil {
		return proof, err
	}
	cpus, err := proc.AllowedCPUs()
	if err != nil {
		return proof, err
	}
	base, head, err := a.gateBuilds(ctx, gateFlags{
		base: f.commit, head: f.commit, repo: ".", seed: proof.Seed, headTags: "inject",
	}, dir)
	if err != nil {
		return proof, err
	}
	var linked [2]string
	for i, b := range []gate.Build{base, head} {
		linked[i] = filepath.Join(dir, "linked-"+strconv.Itoa(i))
		if err := b.Link(ctx, proof.Seed, linked[i]); err != nil {
			return proof, err
		}
	}
	if err := os.Setenv(faultVariable, t.Fault); err != nil {
		return proof, fmt.Errorf("name the fault: %w", err)
	}
	defer os.Unsetenv(faultVariable)
	proof.Commit = head.Name
	proof.Rows, err = gate.Tails(ctx, linked[0], linked[1], programs.Netload, proof.Model,
		[2]int{cpus[0], cpus[len(cpus)-1]}, 9)
	proof.Verdict = gate.Decide(proof.Rows)
	proof.Finished, proof.TookS = time.Now().UTC().Truncate(time.Second), time.Since(began).Seconds()
	return proof, err
}

// proofPage writes the tables between the markers of the page.
func (a *app) proofPage(f proveFlags) error {
	proofs, err := gate.Proofs(f.out)
	if err != nil {
		return err
	}
	page, err := os.ReadFile(f.page)
	if err != nil {
		return fmt.Errorf("read page: %w", err)
	}
	text, err := report.Fill(string(page), map[string]string{"gate": gate.ProofTable(proofs)})
	if err != nil {
		return fmt.Errorf("%s: %w", f.page, err)
	}
	return record.WriteWhole(f.page, []byte(text))
}
