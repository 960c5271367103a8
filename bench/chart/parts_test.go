package chart

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

func ratioOrMedian(m cells.Metric) func(*cells.Group) stats.Interval {
	return func(g *cells.Group) stats.Interval { return g.Median(m) }
}

func TestSpread(t *testing.T) {
	tests := []struct {
		name   string
		wanted []vg.Length
		want   []vg.Length
	}{
		{"nothing", nil, nil},
		{"far apart stay", []vg.Length{10, 50, 90}, []vg.Length{10, 50, 90}},
		{"a pair parts evenly", []vg.Length{50, 50}, []vg.Length{43.5, 56.5}},
		{"pushed up from the floor", []vg.Length{0, 0, 60}, []vg.Length{0, 13, 60}},
		{"pushed down from the ceiling", []vg.Length{100, 100}, []vg.Length{87, 100}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := spread(tt.wanted, 13, 0, 100)
			if !slices.EqualFunc(got, tt.want, func(a, b vg.Length) bool { return math.Abs(float64(a-b)) < 1e-9 }) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSpreadKeepsOrderGapAndRoom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		wanted := make([]vg.Length, 1+rng.IntN(12))
		for i := range wanted {
			wanted[i] = vg.Length(rng.Float64() * 200)
		}
		slices.Sort(wanted)
		got := spread(wanted, 13, 0, 200)
		for i, at := range got {
			if at < -1e-6 || at > 200+1e-6 || (i > 0 && at-got[i-1] < 13-1e-6) {
				t.Fatalf("%v became %v", wanted, got)
			}
		}
	}
	if got := spread(make([]vg.Length, 30), 13, 0, 200); got[29] > 200+1e-6 {
		t.Errorf("thirty labels in the room of fifteen must share it: %v", got[29])
	}
}

// TestStylesTellModelsApart: every pair of models of the registry differs in colour, and in
// dash or glyph as well; every colour is dark enough for a line on white.
func TestStylesTellModelsApart(t *testing.T) {
	models := []string{
		"goroutine", "thread", "reactor", "reactor-et", "proactor", "proactor-emulated", "gnet", "netpoll",
		"fasthttp", "nethttp", "prefork", "reactor-pool", "reactor-leader", "poll", "spin", "proactor +offload",
	}
	for i, a := range models {
		sa := StyleOf(a)
		if c := contrast(sa.Color); c < 2.2 {
			t.Errorf("%s: contrast %.1f on white", a, c)
		}
		for _, b := range models[:i] {
			sb := StyleOf(b)
			if sa.Color == sb.Color && sa.Glyph == sb.Glyph {
				t.Errorf("%s and %s look alike", a, b)
			}
		}
	}
}

func contrast(c color.NRGBA) float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 1.05 / (0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B) + 0.05)
}

func TestStrangersKeepTheirStyle(t *testing.T) {
	a, b := StyleOf("my-model"), StyleOf("my-model")
	if a.Hex() != b.Hex() || a.Glyph != b.Glyph || len(a.Dash) != len(b.Dash) {
		t.Error("the style of an unknown model must follow from its name")
	}
	if other := StyleOf("another"); a.Hex() == other.Hex() && a.Glyph == other.Glyph {
		t.Error("two strangers look alike")
	}
	if got := StyleOf("reactor").Hex(); got != "#0072B2" {
		t.Errorf("hex %s", got)
	}
}

func TestTicks(t *testing.T) {
	of := func(ticker plot.Ticker, lo, hi float64) []string {
		var out []string
		for _, tick := range ticker.Ticks(lo, hi) {
			if !tick.IsMinor() {
				out = append(out, tick.Label)
			}
		}
		return out
	}
	tests := []struct {
		name string
		got  []string
		want []string
	}{
		{"1-2-5 steps with suffix", of(linearTicks{cells.Rate, 4}, 0, 190e3), []string{"0", "50k", "100k", "150k"}},
		{"log, few decades", of(logTicks{cells.Seconds}, 5e-5, 2e-3), []string{
			"50 µs", "100 µs", "200 µs", "500 µs", "1 ms", "2 ms",
		}},
		{"log, many decades", of(logTicks{cells.Count}, 1, 1e5), []string{"1", "10", "100", "1k", "10k", "100k"}},
		{"nines stop where the sample does", of(ninesTicks{}, 0, 0.9995), []string{
			"0", "25", "50", "75", "90", "99", "99.9",
		}},
		{"ratios always write 1", of(ratioTicks{}, 0.55, 1.9), []string{
			"0.6", "0.7", "0.8", "0.9", "1", "1.1", "1.2", "1.4", "1.75",
		}},
	}
	for _, tt := range tests {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestLogAxisSurvivesZero(t *testing.T) {
	if got := (safeLog{}).Normalize(1, 100, -5); got != 0 {
		t.Errorf("a bound below the axis is drawn at %v, want its low end", got)
	}
}

func TestWrap(t *testing.T) {
	style := sans(10, ink())
	lines := wrap(style, "several words that do not fit on one line of this width", 80)
	if len(lines) < 3 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if style.Width(line) > 80 {
			t.Errorf("%q is wider than asked", line)
		}
	}
	if wrap(style, "", 80) != nil {
		t.Error("no words, no lines")
	}
}

// TestPaletteKeepsRareColours: a dot of a model's colour must survive, however many shades of
// grey the letters bring.
func TestPaletteKeepsRareColours(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 300, 10))
	for i := range 3000 {
		v := uint8(i / 10)
		img.Set(i%300, i/300, color.RGBA{v, v, uint8(i % 7 * 9), 255})
	}
	orange := color.RGBA{0xD5, 0x5E, 0x00, 0xFF}
	img.Set(5, 5, orange)
	if got := paletted(img).At(5, 5); got != orange {
		t.Errorf("the dot became %v", got)
	}
}
