// Netserve serves one protocol on one I/O model, in a process of its own.
//
// It is the contract between the models and whoever drives them. When the server accepts, one
// JSON line on standard output says where; everything else goes to standard error. SIGTERM and
// SIGINT stop it in good order, a second one at once. It exits with 0 when it was stopped, 1
// when it could not serve, 2 when it was called wrongly, and 3 when the model cannot run on
// this machine.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/all"
	"iomodels/servers/probe"
	"iomodels/servers/proto"
	"iomodels/servers/sock"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnavailable = 3
)

func main() {
	os.Exit(probe.Watched(func() int { return run(os.Args[1:], all.Models(), os.Stdout, os.Stderr) }))
}

// run is the program, and returns its exit code.
func run(args []string, models []servers.Model, stdout, stderr io.Writer) int {
	opts, err := parse(args, models)
	switch {
	case errors.Is(err, errHelp):
		opts.help(stdout)
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "netserve: %v\nnetserve --help lists the flags\n", err)
		return exitUsage
	case opts.list:
		err = list(stdout, models, opts.json)
	case opts.vectors:
		_, err = io.WriteString(stdout, proto.Vectors)
	default:
		err = serve(opts, stdout, stderr)
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "netserve: %v\n", err)
	if u := (unavailableError{}); errors.As(err, &u) {
		return exitUnavailable
	}
	return exitFailed
}

// unavailableError says why a model cannot run on this machine.
type unavailableError struct {
	model string
	why   error
}

func (u unavailableError) Error() string {
	return fmt.Sprintf("model %s is not available here: %v", u.model, u.why)
}

// readyLine is the one line on standard output.
type readyLine struct {
	Ready string `json:"ready"`
	Model string `json:"model"`
	Proto string `json:"proto"`
	PID   int    `json:"pid"`
	PIDs  []int  `json:"pids,omitempty"` // with --procs: the workers; PID is their parent
}

func announce(stdout io.Writer, opts *options, addr string, workers []int) {
	line, _ := json.Marshal(readyLine{addr, opts.model.Name, opts.proto, os.Getpid(), workers})
	fmt.Fprintf(stdout, "%s\n", line)
}

// serve runs the model until a signal.
func serve(opts *options, stdout, stderr io.Writer) error {
	if opts.model.Available != nil {
		if err := opts.model.Available(); err != nil {
			return unavailableError{opts.model.Name, err}
		}
	}
	if opts.workerOf == 0 {
		if err := checkFree(opts.cfg.Addr); err != nil {
			return err
		}
		if opts.procs > 0 {
			return supervise(opts, stdout, stderr)
		}
	}
	if err := prepareProcess(opts); err != nil {
		return err
	}
	ctx, release := stopOnSignal(stderr)
	defer release()
	go giveBack(ctx)
	// The protocol must outlive the stop: requests in flight are still answered.
	protoCtx, endProto := context.WithCancel(context.Background())
	defer endProto()

	cfg := opts.cfg
	cfg.Log = opts.logger(stderr)
	var err error
	if cfg.Protocol, err = proto.Named(protoCtx, opts.proto, opts.limits); err != nil {
		return err
	}
	if cfg.Protocol, err = injected(cfg.Protocol); err != nil {
		return err
	}
	cfg.Ready = func(a net.Addr) { announce(stdout, opts, a.String(), nil) }
	if cfg.ReusePort = opts.workerOf != 0; cfg.ReusePort && opts.model.Prefork {
		cfg.Listener = inheritedListener()
	}
	return explain(opts.model.Serve(ctx, cfg), cfg.Addr)
}

// prepareProcess sets what belongs to the process and not to a model: limits and ties.
func prepareProcess(opts *options) error {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	lim.Cur = lim.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return os.NewSyscallError("setrlimit", err)
	}
	if most := uint64(opts.cfg.MaxConns) + spareFDs; opts.cfg.MaxConns > 0 && most > lim.Max {
		return fmt.Errorf("--max-conns %d needs %d open files; the limit is %d: raise it "+
			"(ulimit -Hn %d as root, or LimitNOFILE= in the unit), or ask for --max-conns %d",
			opts.cfg.MaxConns, most, lim.Max, most, max(int64(lim.Max)-spareFDs, 1))
	}
	if parent := opts.parent(); parent != 0 {
		if err := dieWithParent(parent); err != nil {
			return err
		}
	}
	return sock.PregrowFDs()
}

// spareFDs is how many descriptors a server needs besides its connections.
const spareFDs = 50

// inheritedListener is the socket that a master has left for this process.
func inheritedListener() *os.File {
	unix.CloseOnExec(inherited)
	_ = unix.SetNonblock(inherited, true) // os.NewFile looks: only then does the netpoller wait for it
	return os.NewFile(inherited, "inherited listener")
}

// dieWithParent asks the kernel for SIGTERM when the parent dies, however it dies, so that a
// killed benchmark leaves no server behind.
func dieWithParent(parent int) error {
	result := make(chan error)
	go func() {
		// The request belongs to the thread that makes it, and ends with it. This one stays.
		runtime.LockOSThread()
		result <- os.NewSyscallError("prctl PR_SET_PDEATHSIG",
			unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGTERM), 0, 0, 0))
		select {}
	}()
	if err := <-result; err != nil {
		return err
	}
	if os.Getppid() != parent {
		return errors.New("the parent process ended before the server was ready")
	}
	return nil
}

// stopOnSignal returns a context that ends with the first SIGTERM or SIGINT; the second one
// ends the process. release frees what it holds.
func stopOnSignal(stderr io.Writer) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	go func() {
		if _, ok := <-signals; !ok {
			return
		}
		cancel()
		if s, ok := <-signals; ok {
			fmt.Fprintf(stderr, "netserve: second signal (%v): ends at once\n", s)
			os.Exit(exitFailed)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}

// checkFree refuses an address on which somebody listens already. Models that give each loop a
// listener of its own (SO_REUSEPORT) would otherwise share the port with a server of the same
// kind that was left behind, and half of a measurement would go there.
func checkFree(addr string) error {
	fd, _, err := sock.Listen(addr, false, true)
	if err != nil {
		return explain(err, addr)
	}
	return os.NewSyscallError("close", unix.Close(fd))
}

// explain adds to an error of listening what to do about it.
func explain(err error, addr string) error {
	_, port, _ := net.SplitHostPort(addr)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("%s is in use by another process: `ss -ltnp 'sport = :%s'` names it; "+
			"stop it, or let the kernel choose a port with --addr 127.0.0.1:0", addr, port)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("%s is no address of this machine: `ip addr` lists them (%w)", addr, err)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("%s may not be used: ports below 1024 are root's; choose a higher one (%w)", addr, err)
	}
	return err
}
