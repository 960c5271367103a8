// Package emulated carries out the operations of package proactor on the demultiplexer of
// package reactor: what a proactor is where the kernel has none.
//
// # Idea
//
// A completion is a readiness with the work done. POSA2 calls it implementing the pattern on a
// synchronous demultiplexer; libraries do it wherever the kernel offers nothing better.
//
//	server                emulation                       demultiplexer
//	 │ Submit: receive ──▶ remember; want Readable ──────▶ epoll
//	 │ Complete ──────────────────────────────────────────▶ epoll_wait
//	 │                     HandleReady ◀─────── readable ──┘
//	 │                     recv
//	 │ ◀── Done(n bytes) ──┘
//	 │ Submit: send ─────▶ remember
//	 │ (returns) ────────▶ send, at once: it nearly always fits
//	 │ ◀── Done(n bytes) ──┘
//
// # What to watch
//
// The server above it is the one that runs on io_uring, and the calls below it are those of the
// reactor. So measured against the reactor this shows the price of the pattern alone; measured
// against io_uring, what the kernel's help is worth. The copy that a proactor must make of
// everything it sends is the same; what is gone is the batch: each call is a system call again.
package emulated
