// Package servers states the contract that every I/O model of the suite fulfils.
//
// A Model is one answer to the question "who waits for the network, and where?". All models
// serve the same protocols (package proto) over sockets prepared in the same way (package
// sock), so that the only thing that differs between two of them is the I/O. Each model lives
// in a folder of its own that a student can read from top to bottom; package all lists them,
// and the command netserve runs one of them in a process of its own.
//
// Read next: goroutine (the shortest), then reactor, then proactor.
package servers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"time"

	"iomodels/servers/proto"
)

// Family groups models by the way they wait for I/O.
type Family string

// The families, in chart order.
const (
	Blocking Family = "blocking" // the caller waits inside the call
	Reactor  Family = "reactor"  // told that a call CAN be done, then does it
	Proactor Family = "proactor" // told that a call HAS been done
	Library  Family = "library"  // what people would pick instead, on its own terms
)

// Notify is how whoever waits for a result learns of it.
type Notify string

// The ways to be told.
const (
	ReturnValue Notify = "return value" // the call that asked comes back with it
	Readiness   Notify = "readiness"    // told that a call would have it now
	Completion  Notify = "completion"   // told that it is there, bytes and all
)

// Wait is what whoever asked does until then. It is another question than Notify: a caller may be
// told by return value and not block (spin), and an event loop blocks for all its connections
// together, which is to say for none of them.
type Wait string

// The ways to wait for the network.
const (
	Blocks Wait = "blocks"  // nothing, on a thread or goroutine of its own
	Polls  Wait = "polls"   // asks again and again
	GoesOn Wait = "goes on" // the work of others
)

// Model is one way to serve connections.
type Model struct {
	Name      string   // as in --model: lower case, unique
	Summary   string   // one line for --list
	Family    Family   // who waits, and how
	Notify    Notify   // how the result of an I/O call is announced
	Wait      Wait     // what a connection's code does meanwhile
	Protocols []string // names this model serves; nil means every protocol of package proto
	Card      Card     // what a reader must know before comparing this model with another
	// VariantOf names the model that this one varies to teach one idea; "": it stands for
	// itself, and belongs to the default comparison.
	VariantOf string
	// KnownLimits lists the contract cases that a foreign library cannot pass and that cannot
	// be mended from outside. Models of our own never have any.
	KnownLimits []KnownLimit
	// Prefork: it takes over a listening socket that its parent process has opened, and shares
	// it with the parent's other children (Config.Listener). netserve runs it so, with a process
	// for each CPU unless --procs says otherwise.
	Prefork bool
	// Features are the parts it can do without, so that the worth of each can be measured
	// (Config.Without). nil: none.
	Features []string
	// Spins: it uses whole processors also while there is nothing to do.
	Spins bool
	// Available says why the model cannot run on this machine; nil func or nil error: it can.
	Available func() error
	// Serve runs until ctx is done, then stops accepting, finishes what is in flight within
	// cfg.Grace, closes everything it opened, and returns nil. It calls cfg.Ready once, when
	// connections are accepted. Any other return is an error that says what was being done.
	Serve func(ctx context.Context, cfg Config) error
}

// Card is the fairness card of a model, printed beside its results. Every field is one phrase.
type Card struct {
	Loops   string `json:"loops"`   // how many threads or loops wait for I/O
	Buffers string `json:"buffers"` // who owns the read buffer, and for how long
	Copies  string `json:"copies"`  // copies between socket and handler and back
	Sockets string `json:"sockets"` // socket options that differ from sock.Tune, if any
	Parser  string `json:"parser"`  // whose HTTP parser runs
	Handler string `json:"handler"` // on which thread or goroutine the handler runs
	// Options says how a library is set up, against its own default and against what its
	// documentation advises for speed. "": it is a model of our own.
	Options string `json:"options,omitempty"`
}

// KnownLimit is a case of servertest that a library cannot pass, and why.
type KnownLimit struct {
	Case   string `json:"case"`   // name of the servertest case, e.g. "half-close"
	Reason string `json:"reason"` // what the library does instead, with its source
}

// Config is what a model needs to serve. The zero value of every field but Addr, Protocol and
// Ready is a useful default; see WithDefaults.
type Config struct {
	Addr     string         // HOST:PORT to listen on; port 0 lets the kernel choose
	Protocol proto.Protocol // what to speak on every connection
	Loops    int            // event loops; 0: one per CPU this process may use
	Offload  int            // handler workers; 0: the handler runs where the bytes were read
	MaxConns int            // connections beyond this are refused; 0: no bound of our own
	ReadSize int            // bytes asked for by one read; 0: 16 KiB
	Timeouts Timeouts       // when a silent or stalled peer is given up
	Grace    time.Duration  // bound on finishing what is in flight at stop; 0: 2 s
	Ready    func(net.Addr) // called once, with the bound address, when connections are accepted
	Log      *slog.Logger   // nil: discards
	// Without names the features to leave out, of Model.Features. It serves measurements only: the
	// bytes on the wire stay the same, and what they cost changes. netserve refuses other names.
	Without []string

	// ReusePort: other processes of the same server listen on Addr as well (SO_REUSEPORT), and
	// the kernel deals connections out among them. Otherwise an Addr in use is an error.
	ReusePort bool
	// Listener is a listening, non-blocking socket to accept from in place of Addr, for models
	// with Prefork. Serve closes it. nil: the model opens Addr itself.
	Listener *os.File
}

// Timeouts bound how long a peer may hold a connection. Zero means the default, negative none.
type Timeouts struct {
	Idle  time.Duration // nothing asked, nothing owed: default none (a benchmark holds idle connections)
	Head  time.Duration // from the first byte of a request head to its last: default 10 s
	Write time.Duration // output pending without progress, or a body without a byte: default 30 s
}

// DefaultReadSize is how many bytes one read asks for, in every model, so that no model gets
// larger batches out of one system call than another.
const DefaultReadSize = 16 << 10

// WithDefaults returns cfg with every zero field filled in, or an error that names the field.
func (cfg Config) WithDefaults() (Config, error) {
	if cfg.Addr == "" {
		return cfg, errors.New("config: Addr is empty: want HOST:PORT")
	}
	if cfg.Protocol.New == nil {
		return cfg, errors.New("config: Protocol is not set")
	}
	for name, v := range map[string]int{
		"Loops": cfg.Loops, "Offload": cfg.Offload, "MaxConns": cfg.MaxConns, "ReadSize": cfg.ReadSize,
	} {
		if v < 0 {
			return cfg, fmt.Errorf("config: %s is %d: want 0 or more", name, v)
		}
	}
	if cfg.Loops == 0 {
		cfg.Loops = runtime.GOMAXPROCS(0)
	}
	if cfg.ReadSize == 0 {
		cfg.ReadSize = DefaultReadSize
	}
	if cfg.Grace == 0 {
		cfg.Grace = 2 * time.Second
	}
	cfg.Timeouts.Head = orDefault(cfg.Timeouts.Head, 10*time.Second)
	cfg.Timeouts.Write = orDefault(cfg.Timeouts.Write, 30*time.Second)
	cfg.Timeouts.Idle = orDefault(cfg.Timeouts.Idle, -1)
	if cfg.Ready == nil {
		cfg.Ready = func(net.Addr) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg, nil
}

// orDefault maps "unset" to the default and "negative" to 0, which the models read as "none".
func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		d = def
	}
	return max(d, 0)
}

// Speaks reports whether the model serves the named protocol.
func (m Model) Speaks(protocol string) bool {
	if m.Protocols == nil {
		return true
	}
	for _, p := range m.Protocols {
		if p == protocol {
			return true
		}
	}
	return false
}
