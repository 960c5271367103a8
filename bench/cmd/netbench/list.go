package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"iomodels/bench/proc"
)

func (a *app) listCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the models, and say which run here",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			programs, err := a.programs()
			if err != nil {
				return err
			}
			models, err := proc.Models(cmd.Context(), programs.Netserve)
			if err != nil {
				return err
			}
			if asJSON {
				out := json.NewEncoder(a.stdout)
				out.SetIndent("", "  ")
				return out.Encode(models)
			}
			tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "MODEL\tFAMILY\tPROTOCOLS\tHERE\tSUMMARY")
			for _, m := range models {
				here := "yes"
				if !m.Available {
					here = "no: " + m.Reason
				}
				protos := strings.Join(m.Protocols, ",")
				if protos == "" {
					protos = "all"
				}
				fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", m.Name, m.Family, protos, here, m.Summary)
			}
			return tw.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as netserve prints it")
	return cmd
}
