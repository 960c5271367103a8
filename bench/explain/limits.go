package explain

import (
	"fmt"
	"strings"

	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
	"iomodels/bench/stats/disturb"
)

// many is the number of connections that the C10K question is about.
const many = 10000

func (t teller) connections() string {
	var held, failed []string
	for _, model := range t.set.Models {
		asked, clean := false, true
		for _, g := range cells.OfModel(t.set.Groups(every), model) {
			if g.Held() >= many && len(g.OK) > 0 {
				h := g.Health()
				asked, clean = true, clean && h.Failures() == 0 && h.Peak >= h.Target && h.ClosedByPeer == 0
			}
		}
		switch {
		case asked && clean:
			held = append(held, model)
		case asked:
			failed = append(failed, model)
		}
	}
	const asked = "Asked to hold ten thousand connections, "
	switch {
	case len(held)+len(failed) == 0:
		return "This run says nothing about ten thousand connections: no cell holds so many."
	case len(failed) == 0:
		return asked + "every model that was asked (" + list(held) + ") did, without one error."
	case len(held) == 0:
		return asked + "every model that was asked (" + list(failed) + ") had errors."
	}
	return asked + list(held) + " did without one error, and " + list(failed) + " had some."
}

func (t teller) memory() string {
	m := cells.UserMemory()
	var least, most *cells.Group
	for _, proto := range t.set.Protos() {
		_, groups := t.set.MostHeld(proto, m)
		for _, g := range groups {
			v := g.Median(m)
			if !v.OK() || g.Cell.Proto != groups[0].Cell.Proto {
				continue
			}
			if least == nil || v.Value < least.Median(m).Value {
				least = g
			}
			if most == nil || v.Value > most.Median(m).Value {
				most = g
			}
		}
		if least != nil {
			break // one protocol will do: memory is held before the first request
		}
	}
	if least == nil || least == most {
		return "This run says nothing about memory: it was taken of fewer than two models."
	}
	return fmt.Sprintf("An idle %s connection costs a server from %s (%s) to %s (%s) of resident memory, "+
		"the kernel's part not counted.", cells.ProtoName(least.Cell.Proto),
		m.Unit.Format(least.Median(m).Value), least.Cell.Model, m.Unit.Format(most.Median(m).Value), most.Cell.Model)
}

func (t teller) trouble() string {
	var unsound, suspect, skipped, failed, measured int
	for _, g := range t.set.Groups(every) {
		h := g.Health()
		broke := false
		for _, r := range g.Out {
			broke = broke || r.Failed != ""
		}
		switch {
		case len(g.OK) == 0 && !broke:
			skipped++
			continue
		case broke:
			failed++
		case !h.Sound():
			unsound++
		case h.Verdict == "suspect":
			suspect++
		}
		measured++
	}
	if failed+unsound+suspect == 0 {
		return fmt.Sprintf("Nothing failed in the %s that were measured, the generator called none of its own "+
			"measurements doubtful, and %s skipped or not reached.", counted(measured, "cell"), were(skipped))
	}
	return fmt.Sprintf("Of the %s that were run, %s broken by a failure, %s unsound (failed requests, missing "+
		"connections or a generator that was the limit), %s speeds that the generator itself doubts, and %s skipped "+
		"or not reached.",
		counted(measured, "cell"), were(failed), were(unsound), have(suspect), were(skipped))
}

func (t teller) quiet() string {
	n, disturbed := 0, 0
	for _, r := range t.run.Records {
		if !r.OK() {
			continue
		}
		n++
		if len(disturb.Limits{}.Slice(disturb.Slice{Seconds: r.Load.ElapsedS, Machine: r.Machine})) > 0 {
			disturbed++
		}
	}
	remembering, compared := 0, 0
	for _, f := range t.set.Figures([]cells.Metric{cells.Throughput(), cells.Norm()}, false) {
		if f.Ratio.OK() && f.Ratio.N >= 6 {
			compared++
			if f.Remembers {
				remembering++
			}
		}
	}
	text := fmt.Sprintf("Something else got in the way of %d of %d measurements that were kept, by the machine's "+
		"counters and not by the figures", disturbed, n)
	text += t.headlines()
	if compared == 0 {
		return text + ", and there are too few blocks to see whether blocks resemble the one before."
	}
	return text + fmt.Sprintf(", and in %d of %d comparisons a block resembles the one before, where chance explains "+
		"about %d.", remembering, compared, (compared+10)/20)
}

// headlines says what the machine cost those workloads that have verdicts, and how far a server
// came out from itself.
func (t teller) headlines() string {
	blocks, dropped := 0, 0
	var farthest stats.Interval
	for _, c := range t.set.Campaigns() {
		blocks += c.Blocks + c.Dropped
		dropped += c.Dropped
		if c.Floor.OK() && (!farthest.OK() || width(c.Floor) > width(farthest)) {
			farthest = c.Floor
		}
	}
	if blocks == 0 {
		return ""
	}
	text := fmt.Sprintf(", which made %d of %d blocks of the headlines not count for any model", dropped, blocks)
	if farthest.OK() {
		text += fmt.Sprintf(", a second server of %s came out at %.3f [%.3f–%.3f] of the first where it strayed most",
			t.set.Baseline, farthest.Value, farthest.Lo, farthest.Hi)
	}
	return text
}

func width(iv stats.Interval) float64 { return iv.Hi / iv.Lo }

func (t teller) limits() string {
	return "It does not say how these servers compare on another machine, over a real network, with TLS or with a " +
		"handler that does work, and where no difference is shown it does not say that there is none."
}

// list writes names as a sentence does: "a, b and c".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// counted writes a number of things: "1 model", "3 models".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func spread(least, most int, thing string) string {
	if least == most {
		return counted(most, thing)
	}
	return fmt.Sprintf("%d to %s", least, counted(most, thing))
}

func were(n int) string {
	if n == 1 {
		return "1 was"
	}
	return fmt.Sprintf("%d were", n)
}

func have(n int) string {
	if n == 1 {
		return "1 has"
	}
	return fmt.Sprintf("%d have", n)
}

func orNone(s string) string {
	if s == "" {
		return "unnamed"
	}
	return s
}
