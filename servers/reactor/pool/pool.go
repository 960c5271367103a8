// Package pool is the reactor whose loops only read and write: every request is handed to a pool
// of workers, by one queue that all share. Many servers are built so, for a handler may then
// block.
//
// # Idea
//
// Reading, thinking and writing are apart. A loop reads a request and puts it into the queue; a
// worker takes it out and thinks; a loop writes the answer.
//
//	loop                     queue            worker               kernel
//	 │ recv ─────────────────────────────────────────────────────▶ bytes
//	 │ Submit ────────────▶ [job job job] ──▶ takes one
//	 │ epoll_wait ...                         Feed: may block
//	 │                                        Done: list, Wake ──▶ eventfd
//	 │ ◀── the bell rings ────────────────────────────────────────┘
//	 │ send ─────────────────────────────────────────────────────▶ bytes
//
// It is what the reactor does with --offload, with a number of workers chosen for it: this is the
// reactor's code.
//
// # Who does the I/O
//
// The loops. A worker never sees a socket.
//
// # Who waits where
//
// The loops in epoll_wait; workers that have nothing to do at the queue; requests for which there
// is no worker in it, first come first served.
//
// # What a connection costs
//
// What it costs in package reactor, and a read buffer while its request is in the queue or with a
// worker: the buffer is lent until the answer is there.
//
// # What to watch
//
//   - Two hand-overs between threads for each request, about the price of a small request. For
//     handlers that do not block, the pool costs and brings nothing.
//   - The queue is the one lock that all loops and workers share.
//   - As many handlers may block as there are workers. With one more, everybody waits: a pool
//     does not remove the limit, it moves it. How long requests waited and how many at a time is
//     measured, and logged at stop (netserve --verbose): offload.Stats.
//   - A loop that has handed its requests over does not wait in silence behind the scheduler's
//     back (demux.RawWait): its processor is needed by workers.
package pool

import (
	"runtime"

	"iomodels/servers"
	"iomodels/servers/reactor"
	"iomodels/servers/reactor/demux"
)

// perCPU is how many workers there are for each processor, unless --offload says otherwise: so
// many handlers may block, on the average, before one that could run has to wait.
const perCPU = 4

// Model is the entry in the registry.
func Model() servers.Model {
	const summary = "loops that hand every request to a pool of workers: one shared queue"
	workers := perCPU * runtime.GOMAXPROCS(0)
	m := reactor.Variant("reactor-pool", summary, reactor.Options{Demux: demux.New, Workers: workers})
	m.Card.Buffers = "one read buffer per request that is with a worker; a connection holds one while output is pending"
	m.Card.Handler = "always on a worker: four per CPU, or as many as --offload says"
	m.VariantOf = "reactor"
	return m
}
