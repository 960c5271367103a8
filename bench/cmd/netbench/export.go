package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"iomodels/bench"
	"iomodels/bench/export"
	"iomodels/bench/record"
)

func (a *app) exportCommand() *cobra.Command {
	var name, out, baseline string
	var help strings.Builder
	for _, f := range export.Formats() {
		fmt.Fprintf(&help, "  %-15s %s\n", f.Name, f.Is)
	}
	cmd := &cobra.Command{
		Use:   "export RUN",
		Short: "Write a run in a format that other tools read",
		Long: "Export writes the figures of a run to standard output, or whole or not at all to a file. Cells\n" +
			"that are not sound are left out, except from junit, where they are failures. The formats:\n\n" + help.String(),
		Example: `  netbench export results/reference --format github-bigger --out bigger.json
  netbench export results/reference --format all --out exports   # a folder with all of them
  netbench export results/reference --format bench | benchstat -col /model -`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.export(args[0], name, out, baseline) },
	}
	cmd.Flags().StringVar(&name, "format", "bench", "one of the `formats` above, or all")
	cmd.Flags().StringVarP(&out, "out", "o", "", "`file`, for all a folder; default: standard output")
	cmd.Flags().StringVar(&baseline, "baseline", "", "`model` that ratios refer to (default goroutine)")
	return cmd
}

func (a *app) export(dir, name, out, baseline string) error {
	if name == allFormats {
		return a.exportAll(dir, out, baseline)
	}
	format, err := formatNamed(name)
	if err != nil {
		return err
	}
	run, err := a.openRun(dir)
	if err != nil {
		return err
	}
	if out == "" {
		return format.Write(a.stdout, run, baseline)
	}
	var whole bytes.Buffer
	if err := format.Write(&whole, run, baseline); err != nil {
		return err
	}
	return record.WriteWhole(out, whole.Bytes())
}

// allFormats stands for every format.
const allFormats = "all"

// exportAll writes every format into a folder, under the names that their readers expect.
func (a *app) exportAll(dir, out, baseline string) error {
	if out == "" {
		return errors.New("--format all needs a folder: --out FOLDER")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("make a folder for the exports: %w", err)
	}
	for _, f := range export.Formats() {
		if err := a.export(dir, f.Name, filepath.Join(out, f.File), baseline); err != nil {
			return err
		}
	}
	return nil
}

func formatNamed(name string) (export.Format, error) {
	var names []string
	for _, f := range export.Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return export.Format{}, &bench.UnknownError{What: "format", Name: name, Known: append(names, allFormats)}
}
