// Package reactor serves connections by readiness: it is told that something CAN be done, and
// then does it. Everything is spelled out here, on bare system calls; no library.
//
// # Idea
//
// One thread, many connections. No call waits for one connection; the loop waits for all of
// them at once, in the demultiplexer, and then calls the event handler of each that is ready.
//
//	loop                      kernel                        conn (event handler)
//	 │ Dispatch: epoll_wait ──▶ sleeps until anything is ready
//	 │ ◀── batch of events ────
//	 │ HandleReady ─────────────────────────────────────────▶ recv, Feed, send: package stream
//	 │                          full? Rearm: Writable ◀────── keep the rest, read no more
//	 │ HandleReady (next event of the batch) ...
//
// # Who does the I/O
//
// The handler itself, on the loop's thread, with a buffer that all connections of the loop
// share: between two events a connection holds no buffer at all.
//
// # Who waits where
//
// The loop in epoll_wait, and nobody else. A handler that waits makes every connection of its
// loop wait; with --offload N the Feed runs on a pool of workers instead (package offload).
//
// # What a connection costs
//
// A conn of 64 bytes, its session, 8 bytes in the loop's roster, and 24 for its descriptor in the
// table of every loop's demultiplexer. Only a peer that does not read what it is owed costs a
// buffer: then nothing more is read from it, so the debt is bounded.
//
// # What to watch
//
//   - Two system calls per request. Interest changes only when a peer stops reading, and a
//     read that did not fill the buffer needs no second one to find the socket empty.
//   - reactor is level-triggered: an event comes again as long as its cause is there.
//     reactor-et is edge-triggered: it comes once, so a handler that stops half-way must
//     remember it (Stream.Note) and come back by the loop's own list. No Rearm, ever.
//   - Either way one busy peer could hold the loop for ever: a turn has a bound (stream.Later).
//   - Loops share nothing on the hot path. Each has its own listener (SO_REUSEPORT): the kernel
//     deals connections out by a hash of the addresses, not evenly.
//   - A loop that waits keeps its processor for a moment (demux.RawWaitMax) before it tells the
//     Go scheduler. What that is good for, and what it costs, stands at Demux.RawWait.
//
// Read next: conn.go and stream.go from HEART to HEART END, loop.go; then packages demux and loops.
package reactor
