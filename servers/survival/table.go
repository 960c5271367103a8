package survival

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Report is what a whole round has found.
type Report struct {
	Where   string   // machine and versions, in one line
	Models  []string // in the order of the columns
	Results []Result
	Proxies []ProxyResult
	Clients string // a table in Markdown
}

// ProxyResult is what became of the attempts to smuggle requests past one proxy to one model.
type ProxyResult struct {
	Proxy, Model string
	Tried        int      // requests that hide another one
	Reached      int      // those that the proxy passed on, as they were or mended
	Smuggled     []string // those whose hidden request the model answered
}

// Tables returns the generated parts of SURVIVAL.md by name.
func (r Report) Tables() map[string]string {
	return map[string]string{
		"where":   r.Where + "\n",
		"faults":  FaultTable(),
		"counts":  r.counts(),
		"known":   r.known(),
		"figures": r.figures(),
		"proxies": r.proxies(),
		"clients": r.Clients,
	}
}

// FaultTable says what each fault is. It depends on the code alone.
func FaultTable() string {
	var rows [][]string
	for _, f := range Faults() {
		rows = append(rows, []string{f.Name, f.Says})
	}
	return markdown([]string{"fault", "what is done, and what counts as survived"}, rows)
}

// counts has a row for each fault and protocol, a column for each model.
func (r Report) counts() string {
	var rows [][]string
	for _, f := range Faults() {
		for _, p := range protocols() {
			if f.asks(p) {
				rows = append(rows, r.countRow(f.Name, p))
			}
		}
	}
	return markdown(append([]string{"fault", "protocol", "tried"}, r.Models...), rows)
}

func (r Report) countRow(fault, proto string) []string {
	row, most := []string{fault, proto, ""}, 0
	for _, m := range r.Models {
		cell := "–" // it does not speak this protocol, or is not available
		for _, res := range r.Results {
			if res.Model == m && res.Proto == proto && res.Fault == fault {
				cell, most = fmt.Sprint(res.Survived), max(most, res.Tried)
				if res.Err != nil {
					cell += " *"
				}
			}
		}
		row = append(row, cell)
	}
	row[2] = fmt.Sprint(most)
	return row
}

// known lists what was not survived, and why.
func (r Report) known() string {
	var rows [][]string
	for _, m := range r.Models {
		for _, res := range r.Results {
			if res.Model == m && res.Err != nil {
				rows = append(rows, []string{
					m, res.Fault, res.Proto, fmt.Sprint(res.Survived, " of ", res.Tried),
					cmp.Or(res.Known, "NOT KNOWN: "+res.Err.Error()),
				})
			}
		}
	}
	return markdown([]string{"model", "fault", "protocol", "survived", "why"}, rows)
}

// figures has a row for each model and protocol.
func (r Report) figures() string {
	var rows [][]string
	for _, m := range r.Models {
		for _, p := range protocols() {
			if row, found := r.figureRow(m, p); found {
				rows = append(rows, row)
			}
		}
	}
	return markdown(append([]string{"model", "protocol"}, figureNames()...), rows)
}

func (r Report) figureRow(model, proto string) (row []string, found bool) {
	got := map[string]float64{}
	for _, res := range r.Results {
		if res.Model == model && res.Proto == proto {
			for _, f := range res.Figures {
				got[f.Name] = f.Value
			}
		}
	}
	row = []string{model, proto}
	for _, name := range figureNames() {
		row = append(row, short(got, name))
	}
	return row, len(got) > 0
}

// short prints a figure with no more digits than it deserves.
func short(got map[string]float64, name string) string {
	switch v, ok := got[name]; {
	case !ok:
		return "–"
	case v < 20:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}

// proxies has a row for each proxy, a column for each model.
func (r Report) proxies() string {
	var rows [][]string
	var names []string
	for _, p := range r.Proxies {
		if !slices.Contains(names, p.Proxy) {
			names = append(names, p.Proxy)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		row := []string{name, ""}
		for _, m := range r.Models {
			cell := "–"
			for _, p := range r.Proxies {
				if p.Proxy == name && p.Model == m {
					row[1], cell = fmt.Sprint(p.Tried), fmt.Sprint(len(p.Smuggled), " of ", p.Reached)
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return markdown(append([]string{"proxy", "tried"}, r.Models...), rows)
}

// markdown is a table; what would break a cell is taken out of it.
func markdown(head []string, rows [][]string) string {
	clean := strings.NewReplacer("|", "/", "\n", " ", "<", "&lt;")
	var b strings.Builder
	line := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + clean.Replace(c) + " ")
		}
		b.WriteString("|\n")
	}
	line(head)
	b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, row := range rows {
		line(row)
	}
	return b.String()
}
