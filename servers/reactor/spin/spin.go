// Package spin reads without blocking and without being told: it asks every connection in turn
// whether it has something, without end. It is the reactor's server without a demultiplexer.
//
// # Idea
//
// A call can block or not, and its result can come with its return or later; the classic table of
// I/O models has four corners. Three of them are goroutine and thread (blocking), reactor
// (blocking in one place for all), proactor (not blocking, told later). This is the fourth: never
// block, and never be told. What remains is to try.
//
//	loop                       kernel
//	 │ recv(connection 1) ────▶ EAGAIN: nothing there
//	 │ recv(connection 2) ────▶ EAGAIN
//	 │ recv(connection 3) ────▶ bytes
//	 │ Feed, send
//	 │ recv(connection 4) ────▶ EAGAIN
//	 │ ... and again from 1, for ever
//
// # Who does the I/O
//
// As in package reactor: the same code, which may be told too much. To it every connection seems
// to be ready all the time, and a read that finds nothing is an answer like another.
//
// # Who waits where
//
// Nobody waits anywhere. The loop takes a whole processor, at night as well.
//
// # What a connection costs
//
// In memory less than anywhere, and a system call per round.
//
// # What to watch
//
//   - Processor time per request says little: at a low rate it is whatever rest was burnt.
//   - With few connections nothing answers faster: there is no wake-up, no interrupt, no thread
//     switch between a byte's arrival and its being read. That is how trading systems and packet
//     processors read, with a core for each. With many connections a round is long, and every
//     request waits for half of one.
//   - One loop, unless told otherwise: each takes a processor. Beside other work on the same one
//     it is a bad neighbour, so once a round it lets the Go scheduler run others. The kernel's
//     scheduler takes the processor away by itself when the time slice is over.
package spin

import (
	"runtime"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/reactor"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/reactor/scan"
)

// Model is the entry in the registry.
func Model() servers.Model {
	const summary = "no demultiplexer: tries every connection in turn, at a full processor's cost"
	m := reactor.Variant("spin", summary, reactor.Options{Demux: open, Loops: 1})
	m.Spins, m.Notify, m.Wait = true, servers.ReturnValue, servers.Polls
	m.Card.Loops = "one loop that never sleeps, with its own listener"
	m.VariantOf = "reactor"
	return m
}

// source claims that everything is ready.
type source struct{ scan.List }

func open() (*demux.Demux, error) { return demux.Over(&source{}) }

// Fetch returns at once, with the next connections in the round.
func (s *source) Fetch(batch []demux.Event, _ int, _ bool) (n int, errno unix.Errno) {
	runtime.Gosched()
	n, _ = s.Collect(batch, wanted)
	return n, 0
}

// wanted says of everything that is of interest that it is there. Not so of the signs of an end:
// to look for one is to read.
func wanted(p unix.PollFd) demux.Readiness {
	return demux.Readiness(uint16(p.Events)) & (demux.Readable | demux.Writable)
}

// Close implements demux.Source: there is nothing to free.
func (s *source) Close() error { return nil }
