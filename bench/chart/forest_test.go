package chart

import (
	"strings"
	"testing"

	"iomodels/bench/stats/cells"
	"iomodels/bench/synth"
)

// TestForestShowsTheNoiseFloor as a band, and says in figures how wide it is.
func TestForestShowsTheNoiseFloor(t *testing.T) {
	run := synth.TakeTurns(synth.Run(synth.Options{
		Seed: 3, Blocks: 12, Conns: []int{10}, Models: []string{"goroutine", "reactor", "proactor"},
	}), "goroutine", 0.02)
	set := cells.New(run.Env, run.Records, "")
	with := find(t, All(set), "cost-ratio-echo")
	if !strings.Contains(with.Caption, "Grey band: a second server of goroutine") {
		t.Errorf("caption: %s", with.Caption)
	}
	without := find(t, All(invented(synth.Options{Seed: 3, Blocks: 12, Conns: []int{10}})), "cost-ratio-echo")
	if strings.Contains(without.Caption, "Grey band") {
		t.Errorf("caption without a twin: %s", without.Caption)
	}
	shades := func(c Chart) int {
		svg, err := c.SVG()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(svg), "fill-opacity")
	}
	if a, b := shades(with), shades(without); a != b+1 {
		t.Errorf("%d shaded areas with a noise floor, %d without", a, b)
	}
	if *look != "" {
		if err := with.Write(*look); err != nil {
			t.Error(err)
		}
	}
}
