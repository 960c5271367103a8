package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"iomodels/servers"
	"iomodels/servers/proto"
)

// row is one model of --list --json.
type row struct {
	Name        string               `json:"name"`
	Family      servers.Family       `json:"family"`
	Notify      servers.Notify       `json:"notify"` // how the result of an I/O call is announced
	Wait        servers.Wait         `json:"wait"`   // what a connection's code does meanwhile
	VariantOf   string               `json:"variant_of,omitempty"`
	Summary     string               `json:"summary"`
	Protocols   []string             `json:"protocols"`
	Prefork     bool                 `json:"prefork,omitempty"`  // has several processes without being asked
	Features    []string             `json:"features,omitempty"` // what --without can leave out
	Available   bool                 `json:"available"`
	Reason      string               `json:"reason"` // why not
	Card        servers.Card         `json:"card"`
	KnownLimits []servers.KnownLimit `json:"known_limits"`
}

// list prints the models and whether they run on this machine.
func list(w io.Writer, models []servers.Model, asJSON bool) error {
	rows := make([]row, 0, len(models))
	for _, m := range models {
		rows = append(rows, rowOf(m))
	}
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(rows)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "MODEL\tFAMILY\tNOTIFY\tWAIT\tPROTOCOLS\tHERE\tSUMMARY")
	for _, r := range rows {
		here := "yes"
		if !r.Available {
			here = "no"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			r.Name, r.Family, r.Notify, r.Wait, strings.Join(r.Protocols, ","), here, r.Summary)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if !r.Available {
			fmt.Fprintf(w, "%s is not available here: %s\n", r.Name, r.Reason)
		}
		if len(r.KnownLimits) > 0 {
			fmt.Fprintf(w, "%s cannot pass%s of the contract; --json has the reasons\n", r.Name, casesOf(r.KnownLimits))
		}
	}
	return nil
}

func casesOf(limits []servers.KnownLimit) string {
	var cases []string
	for _, l := range limits {
		cases = append(cases, " "+l.Case)
	}
	return strings.Join(cases, ",")
}

func rowOf(m servers.Model) row {
	r := row{
		Name: m.Name, Family: m.Family, Notify: m.Notify, Wait: m.Wait,
		VariantOf: m.VariantOf, Summary: m.Summary, Protocols: m.Protocols,
		Prefork: m.Prefork, Features: m.Features, Available: true, Card: m.Card, KnownLimits: m.KnownLimits,
	}
	if r.Protocols == nil {
		r.Protocols = proto.Names()
	}
	if r.KnownLimits == nil {
		r.KnownLimits = []servers.KnownLimit{}
	}
	if m.Available != nil {
		if err := m.Available(); err != nil {
			r.Available, r.Reason = false, err.Error()
		}
	}
	return r
}
