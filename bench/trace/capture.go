package trace

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The marks of the client, in the order in which they come.
const (
	MarkConnect  = "connect"  // a first connection is opened, and a first request sent on it
	MarkSend     = "send"     // a quiet request is about to be written: the server waits for nothing else
	MarkBurst    = "burst"    // so are all requests of the burst, each on a connection of its own
	MarkAnswered = "answered" // the last byte of the answer, or of all answers, has arrived
	MarkQuiet    = "quiet"    // and the server has come to rest again
)

// Plan says what to capture.
type Plan struct {
	Program string // netserve, or what takes its flags and prints its ready line
	Model   string
	Proto   string // "echo" or "http"
	Args    []string
	Env     []string // besides this process's own
	Quiet   int      // single requests, one after another, each in silence
	Burst   int      // connections that send at the same time, once; 0: no burst
	// Full: record also what the program says of itself, if it is built with -tags probe, and the
	// lines of code behind each call. Refused ptrace is then no error: see Header.Missing.
	Full bool

	traced func(argv, env []string, streams [3]*os.File) (process, error) // nil: Start
}

// EchoSize is the length of an echo message, in bytes.
const EchoSize = 64

const (
	readyWithin = 30 * time.Second // traced and perhaps built with -race
	replyWithin = 20 * time.Second
	stopWithin  = 10 * time.Second
	restAfter   = 40 * time.Millisecond  // without a call: the server rests
	restAtLast  = 400 * time.Millisecond // some servers never do
)

// Capture starts the program traced, loads it as planned, and stops it. The error is ErrRefused
// where the machine forbids tracing, unless the plan is for a full capture.
func Capture(ctx context.Context, plan Plan) (*Trace, error) {
	t := &Trace{Header: Header{
		Version: Version, Clock: Clock, Model: plan.Model, Proto: plan.Proto, Burst: plan.Burst,
		Kernel: kernel(), Go: runtime.Version(), Time: time.Now().UTC().Format(time.RFC3339),
	}}
	if !plan.Full {
		if err := capture(ctx, plan, t); err != nil {
			return nil, err
		}
		return t, nil
	}
	dir, err := os.MkdirTemp("", "traced-")
	if err != nil {
		return nil, fmt.Errorf("make room for the execution trace: %w", err)
	}
	defer os.RemoveAll(dir)
	plan.Env = append(plan.Env, probeDir+"="+dir)
	kernel, err := traceKernel()
	if err != nil {
		t.miss(Kernel, err.Error())
	}
	err = capture(ctx, plan, t)
	if errors.Is(err, ErrRefused) {
		t.miss(Syscall, err.Error())
		plan.traced = startPlain
		err = capture(ctx, plan, t)
	}
	if kernel != nil {
		err = errors.Join(err, t.addKernel(kernel))
	}
	if err == nil {
		err = t.join(dir, plan.Program)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// addKernel adds what the kernel saw of the rings of the server's threads.
func (t *Trace) addKernel(k *kernelTracer) error {
	ours := map[int]bool{}
	for _, e := range t.Events {
		if e.Layer == Syscall {
			ours[e.TID] = true
		}
	}
	events, err := k.events(ours)
	t.Events = append(t.Events, events...)
	return err
}

// miss notes why a layer is not there.
func (t *Trace) miss(l Layer, why string) {
	if t.Header.Missing == nil {
		t.Header.Missing = map[Layer]string{}
	}
	t.Header.Missing[l] = why
}

// capture fills t with the events of the tracer and of the client.
func capture(ctx context.Context, plan Plan, t *Trace) error {
	s, err := startServer(plan)
	if err != nil {
		return err
	}
	defer s.stderr.Close()
	kill := context.AfterFunc(ctx, func() { _ = s.Signal(unix.SIGKILL) })
	defer kill()
	err = s.load(plan)
	stopErr := s.stop()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("trace %s, %s: %w: %s", plan.Model, plan.Proto, err, s.words())
	case stopErr != nil:
		return fmt.Errorf("trace %s, %s: %w: %s", plan.Model, plan.Proto, stopErr, s.words())
	}
	t.Events = s.Events()
	return nil
}

func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}

// server is a watched server that accepts connections.
type server struct {
	process
	addr   string
	stderr *os.File
}

func startServer(plan Plan) (*server, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	stderr, err := os.CreateTemp("", "traced-*.log")
	if err != nil {
		return nil, fmt.Errorf("take the server's standard error: %w", err)
	}
	_ = os.Remove(stderr.Name()) // it stays while it is open
	stdout, inherited, err := os.Pipe()
	if err != nil {
		stderr.Close()
		return nil, fmt.Errorf("take the server's standard output: %w", err)
	}
	argv := append([]string{
		plan.Program, "--model", plan.Model, "--proto", plan.Proto, "--addr", "127.0.0.1:0",
	}, plan.Args...)
	begin := plan.traced
	if begin == nil {
		begin = func(argv, env []string, streams [3]*os.File) (process, error) {
			return start(&Tracer{stacks: plan.Full}, argv, env, streams)
		}
	}
	watched, err := begin(argv, append(os.Environ(), plan.Env...), [3]*os.File{null, inherited, stderr})
	inherited.Close() // or its end would not be seen
	if err != nil {
		stdout.Close()
		stderr.Close()
		return nil, err
	}
	s := &server{process: watched, stderr: stderr}
	_ = stdout.SetReadDeadline(time.Now().Add(readyWithin))
	if s.addr, err = readReady(stdout); err != nil {
		_ = s.stop()
		defer stdout.Close()
		defer stderr.Close()
		return nil, fmt.Errorf("trace %s: did not become ready: %w: %s", plan.Model, err, s.words())
	}
	go func() { // what it still says must not block it; ends with the last process that holds the pipe
		_ = stdout.SetReadDeadline(time.Time{})
		_, _ = io.Copy(io.Discard, stdout)
		stdout.Close()
	}()
	return s, nil
}

// readReady returns the address of a server's ready line.
func readReady(stdout io.Reader) (string, error) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		var said struct {
			Ready string `json:"ready"`
		}
		if json.Unmarshal(lines.Bytes(), &said) == nil && said.Ready != "" {
			return said.Ready, nil
		}
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	return "", io.ErrUnexpectedEOF
}

// stop ends the server as any other, and by force if that takes too long.
func (s *server) stop() error {
	if err := s.Signal(unix.SIGTERM); err != nil && !errors.Is(err, unix.ESRCH) &&
		!errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.Ended():
	case <-time.After(stopWithin):
		_ = s.Signal(unix.SIGKILL)
		<-s.Ended()
	}
	if exit := s.Exit(); !exit.Exited() || exit.ExitStatus() != 0 {
		return fmt.Errorf("the server ended with status %d, signal %d", exit.ExitStatus(), exit.Signal())
	}
	return nil
}

// words returns what the server said last on its standard error.
func (s *server) words() string {
	text, _ := io.ReadAll(io.NewSectionReader(s.stderr, 0, 1<<16))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " / ")
}

// load plays the requests and sets the marks.
func (s *server) load(plan Plan) error {
	s.Mark(MarkConnect, 0)
	c, err := dial(s.addr, plan.Proto)
	if err != nil {
		return err
	}
	defer c.Close()
	s.Mark(MarkAnswered, 0)
	s.rest()
	s.Mark(MarkQuiet, 0)
	for range plan.Quiet {
		s.rest()
		if err := s.ask(MarkSend, c); err != nil {
			return err
		}
	}
	crowd := make([]*client, plan.Burst)
	for i := range crowd {
		if crowd[i], err = dial(s.addr, plan.Proto); err != nil {
			return err
		}
		defer crowd[i].Close()
	}
	if len(crowd) == 0 {
		return nil
	}
	s.rest()
	return s.ask(MarkBurst, crowd...)
}

// ask sends one request on each connection and waits for all answers.
func (s *server) ask(mark string, clients ...*client) error {
	s.Mark(mark, len(clients[0].request))
	for _, c := range clients {
		if err := c.send(); err != nil {
			return err
		}
	}
	for _, c := range clients {
		if err := c.receive(); err != nil {
			return err
		}
	}
	s.Mark(MarkAnswered, 0)
	s.rest()
	s.Mark(MarkQuiet, 0)
	return nil
}

// rest waits until the server has nothing to do. It takes its time even if nothing moves: the
// peer may have an answer whose write(2) has not come back to the server yet.
func (s *server) rest() {
	begin := time.Now()
	for time.Since(begin) < restAtLast {
		since := begin
		if moved := s.Moved(); moved.After(since) {
			since = moved
		}
		if time.Since(since) >= restAfter {
			return
		}
		time.Sleep(restAfter / 8)
	}
}

// client is a connection that asks the same again and again.
type client struct {
	net.Conn
	in      *bufio.Reader
	request []byte
	isHTTP  bool
}

// dial connects and has one request answered, so that what happens once is over.
func dial(addr, protocol string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &client{Conn: conn, in: bufio.NewReader(conn), isHTTP: protocol == "http"}
	c.request = []byte(strings.Repeat("x", EchoSize))
	if c.isHTTP {
		c.request = []byte("GET / HTTP/1.1\r\nHost: trace\r\n\r\n")
	}
	if err := errors.Join(c.send(), c.receive()); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *client) send() error {
	if err := c.SetDeadline(time.Now().Add(replyWithin)); err != nil {
		return err
	}
	_, err := c.Write(c.request)
	return err
}

func (c *client) receive() error {
	if !c.isHTTP {
		_, err := io.CopyN(io.Discard, c.in, int64(len(c.request)))
		return err
	}
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	return err
}
