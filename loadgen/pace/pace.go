// Package pace answers one question: when is request n due? It is arithmetic alone: no clock,
// no timer, no goroutine, so that every schedule can be proved against its closed form.
//
// A schedule is made of two halves that know nothing of each other:
//
//	Profile   how many requests should have become due by time t   (the integral of the rate)
//	arrival   which count request n waits for                       (even, bursts, Poisson)
//
//	request n ──arrival──▶ count c ──Profile.When──▶ due time
//
// An even arrival waits for count n + 1/2, a burst of b for the middle of its group, and a
// Poisson arrival for the sum of n exponential gaps of mean one. The inverse of the integral
// then bends that count to any profile: a Poisson process through a ramp is an inhomogeneous
// Poisson process, with no code of its own.
//
// Due times are computed from n and not from the time before, so rounding cannot add up, and a
// late request never moves the ones after it.
package pace

import (
	"math"
	"time"
)

// Schedule says when each request of one loop is due. One loop owns it.
type Schedule interface {
	// Due returns when request n of this loop is due, counted from the start of the load.
	// paced is false in a closed loop: the request is due when a connection is free for it.
	// Calls with rising n are cheap; going back may cost time proportional to n.
	Due(n uint64) (at time.Duration, paced bool)
}

// Never is the due time of a request that a profile never reaches.
const Never = time.Duration(math.MaxInt64)

// Share names the part of a schedule that one loop keeps: loop Loop of Loops takes every
// Loops-th request, so the loops together keep the whole and none has to ask another.
type Share struct{ Loop, Loops int }

// Position is the place of the loop's request n among the requests of all loops.
func (s Share) Position(n uint64) uint64 { return n*uint64(s.Loops) + uint64(s.Loop) }

// orWhole lets the zero Share mean a single loop.
func (s Share) orWhole() Share {
	s.Loops = max(s.Loops, 1)
	return s
}

// Closed is the schedule of a closed loop: nothing is due at a time.
func Closed() Schedule { return closed{} }

type closed struct{}

func (closed) Due(uint64) (time.Duration, bool) { return 0, false }

// Even spaces requests evenly. The half keeps the last request of a run off its deadline,
// where it would be due and over at once.
func Even(p Profile, s Share) Schedule { return even{p, s.orWhole()} }

type even struct {
	profile Profile
	share   Share
}

func (e even) Due(n uint64) (time.Duration, bool) {
	return e.profile.When(float64(e.share.Position(n)) + 0.5), true
}

// Burst releases size requests at one time, as often as the profile allows.
func Burst(p Profile, size int, s Share) Schedule {
	return burst{p, s.orWhole(), uint64(max(size, 1))}
}

type burst struct {
	profile Profile
	share   Share
	size    uint64
}

func (b burst) Due(n uint64) (time.Duration, bool) {
	group := b.share.Position(n) / b.size
	return b.profile.When((float64(group) + 0.5) * float64(b.size)), true
}

// Poisson draws independent exponential gaps. Each loop has a stream of its own with its part
// of the rate: independent Poisson streams add up to one.
func Poisson(p Profile, seed uint64, s Share) Schedule {
	s = s.orWhole()
	return &poisson{profile: p, loops: float64(s.Loops), stream: Stream(seed, uint64(s.Loop))}
}

type poisson struct {
	profile Profile
	loops   float64
	stream  uint64
	drawn   uint64  // gaps in sum
	sum     float64 // of the first drawn gaps, each of mean one
}

// Stream returns one of many independent streams of draws that a seed has.
func Stream(seed, which uint64) uint64 { return mix(seed ^ mix(which+1)) }

func (p *poisson) Due(n uint64) (time.Duration, bool) {
	if n+1 < p.drawn {
		p.drawn, p.sum = 0, 0 // gap k depends on k alone, so the sum can be taken anew
	}
	for p.drawn <= n {
		p.sum += -math.Log(Uniform(p.stream, p.drawn))
		p.drawn++
	}
	return p.profile.When(p.sum * p.loops), true
}

// Uniform is draw n of a stream: evenly spread over the open interval from 0 to 1. It is a
// function of its arguments alone, so a run repeats exactly and needs no generator with state.
func Uniform(stream, n uint64) float64 {
	return (float64(mix(stream+n)>>11) + 0.5) * (1.0 / (1 << 53))
}

// mix scrambles a counter into 64 random bits (a Weyl step and the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
