package reactor

import "iomodels/servers/reactor/demux"

// The demultiplexer is a package of its own. Its names belong to the pattern, and stand here too.
type (
	Demux        = demux.Demux        // tells handlers that something CAN be done
	EventHandler = demux.EventHandler // is told, and does it
	Readiness    = demux.Readiness    // what can be done
)

// What can be done, and how it is to be told; see package demux.
const (
	Readable, Writable    = demux.Readable, demux.Writable
	Hangup, Failure, Gone = demux.Hangup, demux.Failure, demux.Gone
	Edge, Once            = demux.Edge, demux.Once
)

// NewDemux opens a demultiplexer. One goroutine owns it.
func NewDemux() (*Demux, error) { return demux.New() }
