package pace

import (
	"math"
	"time"
)

// Profile is an offered rate over time: pieces on which the rate is constant or changes
// evenly. After the last piece its final rate goes on.
type Profile struct {
	pieces []piece
}

// piece is a stretch on which the rate goes from..to; all in requests and seconds.
type piece struct {
	start, length float64 // seconds
	before        float64 // requests due when it begins
	from, to      float64 // requests per second
}

// due is how many requests become due within the whole piece.
func (p piece) due() float64 { return (p.from + p.to) / 2 * p.length }

// Constant is one rate, in requests per second, for ever.
func Constant(rate float64) Profile {
	return Profile{}.then(rate, rate, 0)
}

// Ramp changes the rate evenly and then stays at its end.
func Ramp(from, to float64, over time.Duration) Profile {
	return Profile{}.then(from, to, over).then(to, to, 0)
}

// Steps holds each rate for a while, the first one by lead longer, and the last one for ever.
func Steps(lead, each time.Duration, rates ...float64) Profile {
	var p Profile
	for i, r := range rates {
		hold := each
		if i == 0 {
			hold += lead
		}
		p = p.then(r, r, hold)
	}
	return p
}

func (p Profile) then(from, to float64, over time.Duration) Profile {
	next := piece{length: over.Seconds(), from: from, to: to}
	if n := len(p.pieces); n > 0 {
		last := p.pieces[n-1]
		next.start, next.before = last.start+last.length, last.before+last.due()
	}
	p.pieces = append(p.pieces[:len(p.pieces):len(p.pieces)], next)
	return p
}

// When returns the time at which count requests have become due: the inverse of the integral
// of the rate. It is Never if the rate ends at zero before that.
func (p Profile) When(count float64) time.Duration {
	last := len(p.pieces) - 1
	for i, piece := range p.pieces {
		if i == last || count <= piece.before+piece.due() {
			return piece.when(count-piece.before, i == last)
		}
	}
	return Never
}

// when solves from*t + slope*t*t/2 = c for the earlier t. The form c / (mean of the first
// and the last rate) needs no difference of near-equal numbers, so it stays exact when the
// slope is tiny or zero.
func (p piece) when(c float64, last bool) time.Duration {
	slope := 0.0
	if p.length > 0 {
		slope = (p.to - p.from) / p.length
	}
	if last && c > p.due() { // beyond the last piece its final rate goes on
		return nanos(p.start + p.length + (c-p.due())/p.to)
	}
	rate := math.Sqrt(max(p.from*p.from+2*slope*c, 0))
	return nanos(p.start + 2*c/(p.from+rate))
}

func nanos(seconds float64) time.Duration {
	ns := math.Round(seconds * 1e9)
	if !(ns < math.MaxInt64) { // a rate of zero divides to +Inf, or to NaN at a count of zero
		return Never
	}
	return time.Duration(ns)
}

// Due returns how many requests have become due by time t: the integral of the rate.
func (p Profile) Due(t time.Duration) float64 {
	s := t.Seconds()
	var total float64
	for i, piece := range p.pieces {
		in := min(s-piece.start, piece.length)
		if in > 0 {
			total = piece.before + (piece.from+(piece.to-piece.from)*in/piece.length/2)*in
		}
		if i == len(p.pieces)-1 && s > piece.start+piece.length {
			total = piece.before + piece.due() + (s-piece.start-piece.length)*piece.to
		}
	}
	return total
}
