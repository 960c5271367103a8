package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"iomodels/bench/proc"
	"iomodels/bench/trace"
	"iomodels/bench/trace/lanes"
	"iomodels/bench/trace/page"
)

func (a *app) tracesCommand() *cobra.Command {
	var capture bool
	cmd := &cobra.Command{
		Use:   "traces DIR",
		Short: "Draw the swim-lanes of all models, and the page to step through them",
		Long: `Reads DIR/traces, one file for each model, and draws from them a picture of each model, one of
four models side by side, and DIR/index.html. The code on the page is read from the sources below
the current folder. A missing trace is an error: nothing here is drawn by hand.

With --capture the traces are first recorded anew, of models that can run here; see netbench trace.`,
		Example: `  netbench traces results/lessons             # after a change of the code or of the drawing
  netbench traces --capture results/lessons   # make traces does`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.traces(cmd.Context(), args[0], capture) },
	}
	cmd.Flags().BoolVar(&capture, "capture", false, "record the traces anew first")
	return cmd
}

func (a *app) traces(ctx context.Context, dir string, capture bool) error {
	programs, err := a.programs()
	if err != nil {
		return err
	}
	infos, err := proc.Models(ctx, programs.Netserve)
	if err != nil {
		return err
	}
	var names []lanes.Name
	for _, m := range infos {
		name := lanes.Name{Model: m.Name, Proto: "echo"}
		if len(m.Protocols) > 0 && !slices.Contains(m.Protocols, "echo") {
			name.Proto = m.Protocols[0]
		}
		names = append(names, name)
		if !capture {
			continue
		}
		if !m.Available {
			a.say("%s: not recorded, its old trace stays: %s", m.Name, m.Reason)
			continue
		}
		if err := a.recordTrace(ctx, probed(programs.Netserve), dir, name); err != nil {
			return err
		}
	}
	sources, err := lanes.LoadAll(dir, names)
	if err != nil {
		return err
	}
	if err := lanes.Write(dir, sources); err != nil {
		return err
	}
	if err := page.Write(filepath.Join(dir, "index.html"), sources, "."); err != nil {
		return err
	}
	a.say("%d pictures, one comparison and index.html in %s", len(sources), dir)
	return nil
}

// recordTrace captures a model, and keeps of the trace what pictures show.
func (a *app) recordTrace(ctx context.Context, program, dir string, name lanes.Name) error {
	t, err := trace.Capture(ctx, trace.Plan{
		Program: program, Model: name.Model, Proto: name.Proto, Quiet: quietRequests, Burst: 16, Full: true,
	})
	if err != nil {
		return err
	}
	for layer, why := range t.Header.Missing {
		if layer == trace.Kernel { // root's privilege, and not needed for a picture
			a.say("%s: the layer %s is missing: %s", name.File(), layer, why)
			continue
		}
		// Half a trace must not take the place of a whole one.
		return &exitError{exitUnavailable, fmt.Errorf("trace %s: the layer %s is missing: %s", name.Model, layer, why)}
	}
	folder := filepath.Join(dir, lanes.TracesDir)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return errors.Join(errors.New("make the folder of traces"), err)
	}
	a.say("%s: %d events", name.File(), len(t.Events))
	return writeTrace(filepath.Join(folder, name.File()), t.Cut())
}
