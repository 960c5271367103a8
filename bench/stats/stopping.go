package stats

import (
	"fmt"
	"math"
	"slices"
)

// Stopping is the rule that ends a campaign: at a few fixed numbers of blocks, when every
// interval is narrow enough to be of use. It never ends one because a difference has become
// significant: doing that at these very looks finds a difference between identical servers in
// one campaign of eight, at a nominal one of twenty. So that nobody does it by accident, the
// rule is given Evidence and nothing else, and Evidence does not hold where an interval lies.
//
// The zero value of a field is its default.
type Stopping struct {
	Looks     []int   // numbers of blocks at which to look, ascending; 12, 16, 24, 32
	HalfWidth float64 // a ratio known to this, either way, is known well enough; 0.03
	Cap       int     // blocks after which it ends in any case; 40
}

func (s Stopping) withDefaults() Stopping {
	if len(s.Looks) == 0 {
		s.Looks = []int{12, 16, 24, 32}
	}
	if s.HalfWidth == 0 {
		s.HalfWidth = DefaultMargin
	}
	if s.Cap == 0 {
		s.Cap = 40
	}
	return s
}

// Evidence is all that a stopping rule may know about one comparison: how many blocks it has,
// how wide its interval is, and whether its blocks remember each other. Scaling one side of
// the comparison changes none of them.
type Evidence struct {
	blocks    int
	halfWidth float64 // of the logarithm of the ratio
	remembers bool
}

// EvidenceOf takes the evidence from the logarithms of the ratios, one per block, in order.
func EvidenceOf(ds []float64) Evidence {
	e := Evidence{blocks: len(ds), halfWidth: math.Inf(1)}
	used, _ := Decorrelate(ds)
	if iv := HodgesLehmann(used, Level); iv.Confidence >= Level-1e-12 {
		e.halfWidth = (iv.Hi - iv.Lo) / 2
	}
	e.remembers = Remembers(used)
	return e
}

// Evidence is that of a pair of arms, over the blocks they share.
func (r Ranking) Evidence(arms []Arm, p Pair) Evidence {
	return EvidenceOf(logRatios(common(arms[p.A], arms[p.B])))
}

// Decision is what a look led to.
type Decision struct {
	Stop   bool   // measure no further
	Narrow bool   // every interval is as narrow as was asked for
	Next   int    // blocks at which to look again; 0 after Stop
	Why    string // for the log
}

// Decide looks at all headline comparisons of a campaign. Between two looks it always says to
// go on: looking at every block is what makes stopping rules alarm.
func (s Stopping) Decide(headlines []Evidence) Decision {
	s = s.withDefaults()
	if len(headlines) == 0 {
		return Decision{Next: s.Looks[0], Why: "nothing was compared yet"}
	}
	blocks, widest, memory := headlines[0].blocks, 0.0, 0
	for _, e := range headlines {
		blocks, widest = min(blocks, e.blocks), max(widest, e.halfWidth)
		if e.remembers {
			memory++
		}
	}
	next := s.next(blocks)
	narrow := widest <= math.Log1p(s.HalfWidth) && memory == 0
	switch {
	case blocks >= s.Cap:
		why := fmt.Sprintf("%d blocks are the most that are measured", s.Cap)
		return Decision{Stop: true, Narrow: narrow, Why: why}
	case !slices.Contains(s.Looks, blocks):
		return Decision{Next: next, Why: fmt.Sprintf("%d blocks: the next look is at %d", blocks, next)}
	case narrow:
		why := fmt.Sprintf("%d blocks: every ratio is known to ±%.1f %%", blocks, 100*math.Expm1(widest))
		return Decision{Stop: true, Narrow: true, Why: why}
	case memory > 0:
		why := fmt.Sprintf("%d blocks: in %d comparisons a block resembles the one before", blocks, memory)
		return Decision{Next: next, Why: why}
	}
	why := fmt.Sprintf("%d blocks: the widest interval is ±%.1f %%", blocks, 100*math.Expm1(widest))
	return Decision{Next: next, Why: why}
}

// next is the look after so many blocks, or the cap.
func (s Stopping) next(blocks int) int {
	for _, look := range s.Looks {
		if look > blocks {
			return look
		}
	}
	return s.Cap
}
