// Package feature names what the io_uring backend makes use of although it could do without.
// Each can be left out, so that its worth can be measured: the same server, the same kernel, and
// one thing less.
package feature

import (
	"fmt"
	"strings"
)

// Set is a set of features.
type Set uint8

// The features.
const (
	// Multishot: one submission of a receive or an accept completes again and again. Without,
	// each completion is followed by a new submission, and the kernel looks everything up anew.
	Multishot Set = 1 << iota
	// ProvidedBuffers: the kernel chooses the buffer when bytes are there. Without, every pending
	// receive holds a buffer of its own, and is submitted anew.
	ProvidedBuffers
	// Incremental: several receives share a buffer, one behind the other, so that few buffers
	// serve and stay in the cache. Without, each receive uses up a whole one.
	Incremental
	// QuietSends: the success of a send is not reported. Without, it costs a completion, and
	// with few connections a turn of the loop.
	QuietSends
	// Batching: the operations of a turn are submitted by the call that also waits. Without,
	// each has a system call of its own.
	Batching
	// Deferral: the kernel does its half of the work when we call it. Without, it interrupts us.
	Deferral
	// Gathering: while handlers wait, the kernel is asked for the rest of what is there. Without,
	// they run for the few completions that a deferring kernel brings at a time.
	Gathering
)

// names by bit.
var names = [...]string{
	"multishot", "provided-buffers", "incremental", "quiet-sends", "batching", "deferral", "gathering",
}

// Names returns the names that Parse knows.
func Names() []string { return names[:] }

// Parse returns the set of the features with these names, or an error that lists those it knows.
func Parse(list []string) (Set, error) {
	var s Set
next:
	for _, word := range list {
		for bit, name := range names {
			if word == name {
				s |= 1 << bit
				continue next
			}
		}
		return 0, fmt.Errorf("no feature %q of io_uring to do without: want some of %s", word, strings.Join(names[:], ", "))
	}
	return s, nil
}

// Has reports whether all of these are in the set.
func (s Set) Has(these Set) bool { return s&these == these }
