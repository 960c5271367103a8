package history

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Change is the place in a series where what came after differs from what was before. It is
// advice: it opens an investigation, and never fails a build.
type Change struct {
	At     int     // index of the first point after it
	Before float64 // median of the ratios before it
	After  float64
	P      float64 // share of shuffled series that split at least as well
}

// The detector's settings.
const (
	window      = 60    // points looked at, the latest
	minSegment  = 3     // points on either side: a single outlier is no change
	shuffles    = 199   // with one for the series itself, the smallest p is 0.005
	alpha       = 0.005 // p at most this
	leastChange = 0.04  // shifts of the median smaller than this are nobody's business
)

// FindChange looks for the best single split of the ratios of a series, by energy distance,
// and judges it by shuffling the series with a fixed seed: the same history always yields the
// same answer. The shift must also be larger than the typical half-width of the points'
// intervals on either side. Points without a sound ratio are not looked at; At counts all.
func FindChange(points []Point) (Change, bool) {
	var logs, widths []float64
	var index []int
	for i, p := range points {
		if p.Sound() && p.Cell.Ratio > 0 && p.Cell.Lo > 0 {
			logs = append(logs, math.Log(p.Cell.Ratio))
			widths = append(widths, math.Log(p.Cell.Hi/p.Cell.Lo)/2)
			index = append(index, i)
		}
	}
	skip := max(len(logs)-window, 0)
	logs, widths, index = logs[skip:], widths[skip:], index[skip:]
	if len(logs) < 2*minSegment {
		return Change{}, false
	}
	at, best := split(logs)
	before, after := median(logs[:at]), median(logs[at:])
	shift := math.Abs(after - before)
	if shift < math.Log1p(leastChange) || shift <= max(median(widths[:at]), median(widths[at:])) {
		return Change{}, false
	}
	rng := rand.New(rand.NewPCG(uint64(len(logs)), 0xc4a46e))
	shuffled := slices.Clone(logs)
	as := 1 // the series itself
	for range shuffles {
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if _, other := split(shuffled); other >= best {
			as++
		}
	}
	c := Change{At: index[at], Before: math.Exp(before), After: math.Exp(after), P: float64(as) / (shuffles + 1)}
	return c, c.P <= alpha
}

// split returns the place at which two segments differ most, and by how much: their energy
// distance, which is how much farther apart points of two segments are than those of one,
// weighted by the sizes. Moving the border by one point changes three sums by one row of
// distances each, so all places together cost the square of the length.
func split(xs []float64) (at int, best float64) {
	n := len(xs)
	var within, across, beyond float64 // sums of distances: left with left, left with right, right with right
	for i, x := range xs {
		for _, y := range xs[i+1:] {
			beyond += math.Abs(x - y)
		}
	}
	best = -1
	for border := 1; border < n; border++ {
		moved := xs[border-1] // from right to left
		var toLeft, toRight float64
		for i, x := range xs {
			switch d := math.Abs(x - moved); {
			case i < border-1:
				toLeft += d
			case i >= border:
				toRight += d
			}
		}
		within += toLeft
		beyond -= toRight
		across += toRight - toLeft
		if border < minSegment || n-border < minSegment {
			continue
		}
		l, r := float64(border), float64(n-border)
		distance := 2*across/(l*r) - 2*within/(l*l) - 2*beyond/(r*r)
		if weighted := l * r / (l + r) * distance; weighted > best {
			at, best = border, weighted
		}
	}
	return at, best
}

func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	return s[(len(s)-1)/2]/2 + s[len(s)/2]/2
}
