package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"iomodels/bench"
	"iomodels/bench/experiment"
)

// printPlan shows what a run would do, condition by condition, and how long it would take.
func (a *app) printPlan(s *session) error {
	unable := experiment.Preflight(s.env.Models, limits(s.env))
	type condition struct {
		name   string
		blocks int
		models []string
		time   time.Duration
	}
	var conditions []*condition
	var reasons []string
	index := map[string]*condition{}
	total := time.Duration(0)
	for _, step := range s.matrix.Steps {
		if why := unable(step.Cell); why != "" {
			reasons = append(reasons, bench.CellName(step.Cell)+": "+why)
			continue
		}
		cell := step.Cell
		cell.Model = ""
		name := strings.TrimSpace(bench.CellName(cell))
		c, known := index[name]
		if !known {
			c = &condition{name: name, blocks: step.Blocks}
			index[name] = c
			conditions = append(conditions, c)
		}
		took := step.Estimate() * time.Duration(step.Blocks)
		c.models = append(c.models, step.Cell.Model)
		c.time += took
		total += took
	}
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "CELL\tBLOCKS\tMODELS\tTIME")
	for _, c := range conditions {
		fmt.Fprintf(tw, "%s\t%d\t%s\t%s\n", c.name, c.blocks, strings.Join(c.models, ","), c.time.Round(time.Second))
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("print plan: %w", err)
	}
	for _, reason := range reasons {
		fmt.Fprintf(a.stdout, "skipped: %s\n", reason)
	}
	fmt.Fprintf(a.stdout, "%s in all, about\n", total.Round(time.Second))
	return nil
}

// threadLimit is the smallest of the kernel's bounds on threads; 0 if none is known.
func threadLimit(settings map[string]string) uint64 {
	var least uint64
	for _, name := range []string{"threads_max", "pid_max", "pids_max", "nproc"} {
		n, err := strconv.ParseUint(settings[name], 10, 64)
		if err == nil && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}
