package proactor

import (
	"time"

	"iomodels/servers/probe"
	"iomodels/servers/watchdog"
)

// Kind is what an operation asks for.
type Kind uint8

// The kinds. Those that complete many times may stop at any completion: Op.Pending tells, and
// whoever wants more submits again. So the same program runs where they complete once.
const (
	// Accept completes for every connection that arrives at FD: n is the new descriptor, which
	// is the handler's from then on. An error (EMFILE, say) ends it.
	Accept Kind = iota + 1
	// Receive completes for bytes as they come, with n of them in Buf, and then 0 at the end of
	// the stream. It ends with that, with an error, with ENOBUFS (all buffers are lent out:
	// submit again), or for no reason but that it has brought a good deal already.
	Receive
	// Send completes once: the first n bytes of Buf were taken, maybe not all of them.
	Send
	// SendLazily is Send for what is likely to fit, and for callers in no hurry. It waits for no
	// room: n may be 0, and then Send is the way. And success may be told together with the next
	// completion of anything, or RawWaitMax late.
	SendLazily
)

// String names the kind; those that are a backend's own have no name.
func (k Kind) String() string {
	return [...]string{"own", "accept", "receive", "send", "send-lazily"}[min(k, SendLazily)]
}

// Op is an asynchronous operation: what is asked, and who is told. The caller owns it, usually
// as a field of something larger, so to submit it allocates nothing. From Submit to its last
// completion it is in the backend's hands and must not be moved, changed or submitted.
type Op struct {
	Done CompletionHandler // told of every completion
	// Buf of a Send is what to send: the caller's, but untouchable until the operation has
	// completed. Buf of a Receive is what was received: the backend chose the buffer when the
	// bytes were there, and takes it back when the handler returns.
	Buf []byte
	FD  int32  // the descriptor it is about
	Tag uint32 // the caller's own: tells its handler whose operation this is

	// Follow, of a Receive: the next completion is this operation's too, it comes at once, and
	// it brings bytes. So an answer may wait for it.
	Follow bool

	// Pending: in the backend's hands. It holds from Submit to the last completion. Inside Done
	// it says whether further completions of this very submission will follow.
	Pending bool
	Kind    Kind   // as submitted
	Mark    uint8  // the backend's own
	Token   uint32 // the backend's own
}

// CompletionHandler is told that an operation HAS been done: n is its result, or err says why
// there is none. It runs on the loop's goroutine, inside Complete, and must not wait. It may
// submit operations, op included if that is no longer pending.
type CompletionHandler func(op *Op, n int, err error)

// Proactor carries out operations and tells their handlers. The goroutine that opened it makes
// every call; only Wake may come from any other. There is at most one operation of each direction
// (Accept and Receive, or Send) per descriptor at a time.
type Proactor interface {
	// Submit starts op. It never completes inside the call: a handler that submits is not
	// called again before it has returned, and no chain of completions deepens the stack.
	Submit(op *Op, kind Kind)
	// Cancel asks a pending operation to end early. It completes all the same: with ECANCELED,
	// or with its result if that was faster.
	Cancel(op *Op)
	// CloseFD closes fd. Its pending operations are cancelled and complete as after Cancel.
	// A number that comes back with a new connection brings no completion of the old one.
	CloseFD(fd int)
	// Complete waits until an operation has completed, for at most wait (negative: without
	// end), and runs the handlers of all that have. It also returns after a Wake or a signal.
	// An error means that the backend is broken.
	Complete(wait time.Duration) error
	// Wake makes the current or the next Complete return. Any goroutine may call it at any
	// time, also after Close. Many calls cost one system call.
	Wake()
	// Close frees everything but the caller's descriptors. No handler runs any more.
	Close() error
}

// Backend opens a proactor for the calling goroutine, which alone will use it.
type Backend func(Settings) (Proactor, error)

// Settings are what a server asks of any backend.
type Settings struct {
	BufferSize int // bytes of one receive buffer
	ReceiveMax int // bytes after which a Receive ends, about, if the backend can count; 0: never
	// RawWait bounds how long Complete may wait without telling the Go scheduler.
	//
	// Why behind its back: a thread that blocks for more than 20 µs in an ordinary system call
	// has its processor (P) taken away by the runtime's monitor thread and must get one back
	// when it wakes: at moderate rates that happens at every request, and costs about as much
	// as the request. The price: no other goroutine runs on this P meanwhile. So it is done
	// once after a batch of completions, for a short time, and then Complete waits the
	// ordinary way: silence costs nothing. 0: always the ordinary way, which is right when
	// other goroutines of the process have work to do.
	RawWait time.Duration
	// Watch is told when Complete waits, and when handlers run; nil: nobody is.
	Watch *watchdog.Loop
}

// RawWaitMax is the RawWait of a server whose loops have a processor each: as long as the Go
// scheduler lets any goroutine run. It also bounds how late a lazy send may be told to have
// succeeded. A stop of the world need not wait for it: it sends a signal, which ends the wait.
//
// Much less would cost more. A wait with an end is a timer in the kernel; one that would expire
// before everything else that is due has the clock programmed anew, for each wait, and in a
// virtual machine that leaves the guest. With one millisecond a request of a single connection
// cost 5 to 10 % more, in this server and in the reactor.
const RawWaitMax = 10 * time.Millisecond

// Begin marks op as pending. A backend calls it first in Submit.
func (op *Op) Begin(kind Kind) {
	if op.Pending {
		panic("proactor: operation submitted twice")
	}
	op.Pending, op.Kind = true, kind
	if probe.On {
		probe.Note(probe.Submit, int(op.FD), len(op.Buf), kind.String())
	}
}

// Complete tells op's handler. A backend calls it from Complete alone; more says that the
// operation goes on.
func (op *Op) Complete(n int, err error, more bool) {
	op.Pending = more
	if probe.On {
		op.note(n, more)
	}
	op.Done(op, n, err)
}

// note lets a tracer see a completion.
func (op *Op) note(n int, more bool) {
	step := probe.Complete
	if !more {
		step = probe.Ended
	}
	probe.Note(step, int(op.FD), n, op.Kind.String())
}
