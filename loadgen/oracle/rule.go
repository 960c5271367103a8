package oracle

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// The kinds of rules. Each has a constructor below, which says what its release times are.
const (
	kindFixed       = "fixed"
	kindTwoPoint    = "two-point"
	kindExponential = "exponential"
	kindQueue       = "queue"
	kindStall       = "stall"
	kindStep        = "step"
)

// Rule says when the reply to a request is released. It is data, so that it travels to the
// oracle's process as JSON; make it with one of the constructors. The zero Rule releases at once.
type Rule struct {
	Kind  string        `json:"kind,omitempty"`
	Delay time.Duration `json:"delay_ns,omitempty"` // or the mean of it, or the mean service time
	Other time.Duration `json:"other_ns,omitempty"` // the second delay of two-point and step
	Every uint64        `json:"every,omitempty"`    // two-point: one request in so many
	Even  bool          `json:"even,omitempty"`     // exponential: evenly spread draws, not independent ones

	Servers   int  `json:"servers,omitempty"`   // queue: independent queues side by side
	Random    bool `json:"random,omitempty"`    // queue: a request draws its queue; else in turn
	Exponents bool `json:"exponents,omitempty"` // queue: exponential service times; else all equal

	Stall  time.Duration `json:"stall_ns,omitempty"`  // how long nothing is released ...
	Period time.Duration `json:"period_ns,omitempty"` // ... in every so long
	After  time.Duration `json:"after_ns,omitempty"`  // step: from then on the other delay
}

// Fixed releases every reply d after its request arrived.
func Fixed(d time.Duration) Rule { return Rule{Kind: kindFixed, Delay: d} }

// TwoPoint releases after d, but each every-th reply after other.
func TwoPoint(d, other time.Duration, every uint64) Rule {
	return Rule{Kind: kindTwoPoint, Delay: d, Other: other, Every: every}
}

// Exponential releases after independent exponential delays: no request waits for another.
func Exponential(mean time.Duration) Rule { return Rule{Kind: kindExponential, Delay: mean} }

// EvenExponential does the same with draws that fill the interval from 0 to 1 evenly (multiples
// of the golden ratio). The sample then has the quantiles of the distribution almost exactly,
// where independent draws would need a hundred times as many requests.
func EvenExponential(mean time.Duration) Rule {
	return Rule{Kind: kindExponential, Delay: mean, Even: true}
}

// Queue serves requests one after the other, in servers independent queues. With arrivals of a
// Poisson process and random choice of the queue, each is M/M/1 (exponential service times) or
// M/D/1: a Poisson process divided at random is several. With even arrivals in turn, each is
// D/M/1 or D/D/1. Many queues side by side are as many samples at once.
func Queue(mean time.Duration, servers int, random, exponential bool) Rule {
	return Rule{
		Kind: kindQueue, Delay: mean, Servers: servers, Random: random, Exponents: exponential,
	}
}

// StallEach releases at once, but in the middle of every period nothing for the length of
// stall: what arrives in it is released at its end.
func StallEach(stall, period time.Duration) Rule {
	return Rule{Kind: kindStall, Stall: stall, Period: period}
}

// Step releases after d, and what arrives later than after since the first request, after other.
func Step(d, other, after time.Duration) Rule {
	return Rule{Kind: kindStep, Delay: d, Other: other, After: after}
}

// Releaser answers one question in virtual time: request i arrived at that time; when is its
// reply due? Times count from the first arrival. It reads no clock, so every rule can be
// proved without a socket. Calls come with rising i.
type Releaser func(i uint64, at time.Duration) time.Duration

// Releaser makes the rule's state. Equal seeds make equal decisions.
func (r Rule) Releaser(seed uint64) (Releaser, error) {
	if r.Delay < 0 || r.Other < 0 {
		return nil, fmt.Errorf("rule %q: a delay is negative", r.Kind)
	}
	draw := rand.New(rand.NewPCG(seed, 0x6f7261636c65))
	switch r.Kind {
	case "":
		return func(_ uint64, at time.Duration) time.Duration { return at }, nil
	case kindFixed:
		return func(_ uint64, at time.Duration) time.Duration { return at + r.Delay }, nil
	case kindTwoPoint:
		return r.twoPoint()
	case kindExponential:
		return r.exponential(draw), nil
	case kindQueue:
		return r.queue(draw)
	case kindStall:
		return r.stall()
	case kindStep:
		return func(_ uint64, at time.Duration) time.Duration {
			if at >= r.After {
				return at + r.Other
			}
			return at + r.Delay
		}, nil
	}
	return nil, fmt.Errorf("rule %q is unknown", r.Kind)
}

func (r Rule) twoPoint() (Releaser, error) {
	if r.Every == 0 {
		return nil, fmt.Errorf("rule %s: one request in 0", r.Kind)
	}
	return func(i uint64, at time.Duration) time.Duration {
		if i%r.Every == r.Every-1 {
			return at + r.Other
		}
		return at + r.Delay
	}, nil
}

func (r Rule) exponential(draw *rand.Rand) Releaser {
	first := draw.Float64()
	return func(i uint64, at time.Duration) time.Duration {
		u := draw.Float64()
		if r.Even {
			_, u = math.Modf(first + float64(i)*(math.Phi-1))
		}
		return at + exponential(r.Delay, u)
	}
}

// exponential is the inverse distribution function: the delay that a share u stays below.
func exponential(mean time.Duration, u float64) time.Duration {
	return time.Duration(math.Round(-math.Log1p(-u) * float64(mean)))
}

// queue is Lindley's recursion: service begins when the request is there and the server is free.
func (r Rule) queue(draw *rand.Rand) (Releaser, error) {
	if r.Servers < 1 {
		return nil, fmt.Errorf("rule %s: %d servers", r.Kind, r.Servers)
	}
	free := make([]time.Duration, r.Servers)
	return func(i uint64, at time.Duration) time.Duration {
		server := int(i % uint64(r.Servers))
		if r.Random {
			server = draw.IntN(r.Servers)
		}
		service := r.Delay
		if r.Exponents {
			service = exponential(r.Delay, draw.Float64())
		}
		free[server] = max(free[server], at) + service
		return free[server]
	}, nil
}

func (r Rule) stall() (Releaser, error) {
	if r.Stall <= 0 || r.Period <= r.Stall {
		return nil, fmt.Errorf("rule %s: %v of every %v", r.Kind, r.Stall, r.Period)
	}
	begin := (r.Period - r.Stall) / 2
	return func(_ uint64, at time.Duration) time.Duration {
		phase := at % r.Period
		if phase < begin || phase >= begin+r.Stall {
			return at
		}
		return at - phase + begin + r.Stall
	}, nil
}
