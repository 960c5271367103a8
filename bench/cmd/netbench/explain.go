package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"iomodels/bench/explain"
)

func (a *app) explainCommand() *cobra.Command {
	var baseline string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "explain RUN",
		Short:   "Say in ten sentences what a run shows, and what it does not",
		Example: "  netbench explain results/reference",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.explain(args[0], baseline, asJSON) },
	}
	cmd.Flags().StringVar(&baseline, "baseline", "", "`model` that ratios refer to (default goroutine)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as a JSON array")
	return cmd
}

func (a *app) explain(dir, baseline string, asJSON bool) error {
	run, err := a.openRun(dir)
	if err != nil {
		return err
	}
	sentences := explain.Sentences(run, baseline)
	if asJSON {
		out := json.NewEncoder(a.stdout)
		out.SetIndent("", "  ")
		return out.Encode(sentences)
	}
	for i, s := range sentences {
		fmt.Fprintf(a.stdout, "%2d. %s\n", i+1, s)
	}
	return nil
}
