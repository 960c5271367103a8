// Package probe lets a server say what no tracer can see: that an event handler is told, that an
// operation is submitted or complete, that a handler runs, and whose a buffer is.
//
// # What it costs
//
// Nothing. A program built in the ordinary way has On = false, a constant, and what stands behind
// `if probe.On` is not compiled: the benchmarked code has the same source lines and no trace of
// this package. Only a program built with `-tags probe` has probes.
//
// # What becomes of a note
//
// It is written into the Go execution trace (package runtime/trace), which knows the time, the
// goroutine, the thread, and the lines of code that led there, and which the program then writes
// for itself: a file for each process in the folder that $IOMODELS_PROBE names. Package
// bench/trace reads it back, and joins it with the system calls by thread and time.
package probe

// Dir is the environment variable that names the folder to write to. Without it, or without the
// build tag, nothing is written.
const Dir = "IOMODELS_PROBE"

// Category is that of the notes in the execution trace. A note's message is
// "STEP DESCRIPTOR NUMBER WHAT", parted by spaces.
const Category = "iomodels"

// Step says what happens.
type Step string

// The steps.
const (
	Register Step = "register" // the demultiplexer is to report a descriptor
	Ready    Step = "ready"    // an event handler is told that something CAN be done
	Submit   Step = "submit"   // an operation is handed to the proactor; number: bytes it comes with
	Complete Step = "complete" // a completion handler is told that it HAS been done; number: its result
	Ended    Step = "ended"    // the same, and the operation goes on no longer
	Begin    Step = "begin"    // a session thinks; number: bytes it was given
	End      Step = "end"      // and has thought; number: bytes it wants sent
	Owner    Step = "owner"    // a buffer changes hands; what: whose it is now; number: its bytes
)
