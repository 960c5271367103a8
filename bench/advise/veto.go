package advise

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"iomodels/bench/stats/cells"
)

// vetoes says why a model is not for the program of the question, each with its source. blocked is
// what whileBlocked found, "" if handlers of the program do not block.
func vetoes(q Question, model string, sources []source, blocked string) []string {
	var out []string
	if blocked != "" {
		out = append(out, blocked)
	}
	if q.NetConn && !hasNetConn(cells.ModelOf(model)) {
		out = append(out, "its handlers get bytes, not a net.Conn")
	}
	if q.SlowPeers {
		out = append(out, againstSlowPeers(cells.ModelOf(model), sources)...)
	}
	return out
}

// whileBlocked looks up whether a quick request waits for a handler that blocks elsewhere, "" if
// it does not; and whether that was measured at all.
func whileBlocked(model string, sources []source) (text string, measured bool) {
	for _, from := range sources {
		for _, g := range from.set.Workload(cells.Stall) {
			if g.Cell.Model != model || len(g.OK) == 0 {
				continue
			}
			blocks, _ := cells.HandlerTime(g.Cell.Beside)
			typical := g.Median(cells.Typical())
			if !typical.OK() || typical.Value < blocks.Seconds()/2 {
				return "", true
			}
			return fmt.Sprintf("while a handler blocks for %s, all others wait: %s (%s); run its handlers "+
				"with --offload", blocks.Round(time.Millisecond), cells.Seconds.Format(typical.Value), cite(from.run, g)), true
		}
	}
	return "", false
}

// hasNetConn reports whether a model is one of those whose handlers hold a net.Conn, or whose library wraps one and gives it
// out (fasthttp by Hijack, net/http by http.Hijacker).
func hasNetConn(model string) bool {
	base, _, _ := strings.Cut(model, "-tuned")
	return slices.Contains([]string{"goroutine", "prefork", "netpoll", "fasthttp", "nethttp"}, base)
}

// againstSlowPeers returns what the model declares about peers that are slow or do not read.
func againstSlowPeers(model string, sources []source) []string {
	var out []string
	for _, from := range sources {
		for _, m := range from.run.Env.Models {
			if m.Name != model {
				continue
			}
			for _, l := range m.KnownLimits {
				if slowPeerCase(l.Case) {
					out = append(out, fmt.Sprintf("declares that it fails %q", l.Case))
				}
			}
			return out
		}
	}
	return out
}

// slowPeerCase reports whether a case of the contract is about peers that are slow, or do not read.
func slowPeerCase(name string) bool {
	return slices.ContainsFunc([]string{"back-pressure", "slow", "timeout"}, func(part string) bool {
		return strings.Contains(name, part)
	})
}
