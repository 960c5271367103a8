package gate

import (
	"context"
	"fmt"
	"slices"

	"iomodels/bench/proc"
	"iomodels/bench/record"
)

// Plan says what to compare.
type Plan struct {
	Base, Head           Build
	Models               []string        // nil: every model that is no variant of another
	Same                 map[string]bool // models whose code is equal: left out
	ServerCPU, ClientCPU int
	Effort               Effort
	Notify               func(format string, args ...any) // progress; nil: silent
}

// Run counts the servers of both builds and compares them, model by model. The second result
// says which models were left out, and why.
func Run(ctx context.Context, p Plan) (rows []Row, out []string, err error) {
	models, out, err := p.comparable(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range models {
		if p.Notify != nil {
			p.Notify("counting %s", m.Name)
		}
		judged, err := p.model(ctx, m)
		if err != nil {
			return rows, out, err
		}
		rows = append(rows, judged...)
	}
	return rows, out, nil
}

// comparable lists the models to compare, and why others are not.
func (p Plan) comparable(ctx context.Context) (models []record.ModelInfo, out []string, err error) {
	base, err := proc.Models(ctx, p.Base.Probed)
	if err != nil {
		return nil, nil, err
	}
	head, err := proc.Models(ctx, p.Head.Probed)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range p.Models {
		if !slices.ContainsFunc(head, func(m record.ModelInfo) bool { return m.Name == name }) {
			return nil, nil, fmt.Errorf("%s has no model %q: netbench list shows those of this build", p.Head.Name, name)
		}
	}
	for _, m := range head {
		if !p.wants(m) {
			continue
		}
		if why := p.incomparable(m, base); why != "" {
			out = append(out, m.Name+": "+why)
			continue
		}
		models = append(models, m)
	}
	return models, out, nil
}

func (p Plan) wants(m record.ModelInfo) bool {
	if p.Models == nil {
		return m.VariantOf == ""
	}
	return slices.Contains(p.Models, m.Name)
}

// incomparable says why a model of head cannot be compared with base; "" if it can.
func (p Plan) incomparable(m record.ModelInfo, base []record.ModelInfo) string {
	i := slices.IndexFunc(base, func(b record.ModelInfo) bool { return b.Name == m.Name })
	switch {
	case i < 0:
		return "new in head"
	case !m.Available:
		return m.Reason
	case !base[i].Available:
		return "not available in base: " + base[i].Reason
	case p.Same[m.Name]:
		return sameCode
	}
	return ""
}

// sameCode is why most models of most changes are left out.
const sameCode = "its code is the same"

// model judges one model, and looks again with fresh processes where something moved.
func (p Plan) model(ctx context.Context, m record.ModelInfo) ([]Row, error) {
	first, err := p.round(ctx, m)
	if err != nil || !NeedsConfirming(first) {
		return first, err
	}
	if p.Notify != nil {
		p.Notify("counting %s again, to confirm", m.Name)
	}
	second, err := p.round(ctx, m)
	if err != nil {
		return nil, err
	}
	return Confirm(first, second), nil
}

func (p Plan) round(ctx context.Context, m record.ModelInfo) ([]Row, error) {
	proto := "echo"
	if len(m.Protocols) > 0 && !slices.Contains(m.Protocols, proto) {
		proto = m.Protocols[0]
	}
	var sides []Subject
	for _, b := range []Build{p.Base, p.Head} {
		sides = append(sides, Subject{
			Program: b.Probed, Model: m.Name, Proto: proto, ServerCPU: p.ServerCPU, ClientCPU: p.ClientCPU,
		})
	}
	counts, err := Count(ctx, p.Effort, sides...)
	if err != nil {
		return nil, err
	}
	return Judge(m.Name, counts[0], counts[1]), nil
}
