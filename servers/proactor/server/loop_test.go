package server

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/loops"
	"iomodels/servers/proactor"
	"iomodels/servers/proto"
)

// script is a backend without a kernel: it notes what is submitted, and completes what the
// test says. So every order of events can be played, also those that nature seldom shows.
type script struct {
	pending map[string]*proactor.Op // by "accept", "receive 7", "send 7"
	lost    []string                // cancelled, in order
	closed  []int32
	next    []func() // of Complete
}

func name(op *proactor.Op) string {
	return map[proactor.Kind]string{
		proactor.Accept: "accept", proactor.Receive: "receive", proactor.Send: "send", proactor.SendLazily: "send",
	}[op.Kind]
}

func (s *script) Submit(op *proactor.Op, kind proactor.Kind) {
	op.Begin(kind)
	if s.pending[name(op)] != nil {
		panic("two operations of one kind: " + name(op))
	}
	s.pending[name(op)] = op
}
func (s *script) Cancel(op *proactor.Op) { s.lost = append(s.lost, name(op)) }
func (s *script) CloseFD(fd int)         { s.closed = append(s.closed, int32(fd)) }
func (s *script) Wake()                  {}
func (s *script) Close() error           { return nil }
func (s *script) Complete(time.Duration) error {
	for _, f := range s.next {
		f()
	}
	s.next = nil
	return nil
}

// complete completes a pending operation.
func (s *script) complete(what string, n int, err error, more bool) {
	op := s.pending[what]
	if !more {
		delete(s.pending, what)
	}
	op.Complete(n, err, more)
}

// receive completes the pending receive with bytes.
func (s *script) receive(in string, more bool) {
	s.pending["receive"].Buf = []byte(in)
	s.complete("receive", len(in), nil, more)
}

// sends completes the pending send with all or, if fewer are taken, some of its bytes.
func (s *script) sends(most int) string {
	n := min(most, len(s.pending["send"].Buf))
	sent := string(s.pending["send"].Buf[:n])
	s.complete("send", n, nil, false)
	return sent
}

// waits returns what is pending, sorted.
func (s *script) waits() string {
	var names []string
	for n := range s.pending {
		names = append(names, n)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func (s *script) want(t *testing.T, pending string) {
	t.Helper()
	if got := s.waits(); got != pending {
		t.Fatalf("pending: %q; want %q", got, pending)
	}
}

// talk is a session that says what it is told to.
type talk struct {
	said  []string
	says  func(in string) (string, proto.Verdict)
	phase proto.Phase
}

func (s *talk) Feed(out, in []byte) ([]byte, proto.Verdict) {
	s.said = append(s.said, string(in))
	answer, v := s.says(string(in))
	return append(out, answer...), v
}

func (s *talk) Phase() proto.Phase { return s.phase }

// newScripted starts a loop on a script, with one connection if fd is one.
func newScripted(t *testing.T, fd int, says func(in string) (string, proto.Verdict),
	change ...func(*servers.Config),
) (*loop, *script, *talk) {
	t.Helper()
	session := &talk{says: says}
	cfg := servers.Config{
		Addr: "x", Protocol: proto.Protocol{Name: "talk", New: func() proto.Session { return session }},
		ReadSize: 16, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, f := range change {
		f(&cfg)
	}
	h, err := loops.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{pending: map[string]*proactor.Op{}}
	l := newLoop(h, s, 3)
	if fd > 0 {
		s.complete("accept", fd, nil, true)
	}
	return l, s, session
}

func echo(in string) (string, proto.Verdict) { return in, proto.Continue }

func TestRequestAndReply(t *testing.T) {
	l, s, session := newScripted(t, 7, echo)
	s.want(t, "accept receive")
	s.receive("one", true)
	s.want(t, "accept receive send")
	if got := s.sends(2) + s.sends(10); got != "one" {
		t.Errorf("sent %q", got)
	}
	s.receive("two", false) // a backend that completes once, or chose to
	s.want(t, "accept receive send")
	if got := s.sends(10); got != "two" {
		t.Errorf("sent %q", got)
	}
	if want := []string{"one", "two"}; !slices.Equal(session.said, want) {
		t.Errorf("the session was fed %q; want %q", session.said, want)
	}
	if c := l.conns.At(1); c.Owed != nil || l.live != 1 {
		t.Errorf("all is answered: owed %v, %d connections live; want nothing, 1", c.Owed, l.live)
	}
}

// A peer that reads needs no deadline. One that has no room for its answer gets one.
func TestWhatFindsNoRoomIsSentAgainAndTimed(t *testing.T) {
	l, s, _ := newScripted(t, 7, echo)
	c := l.conns.At(1)
	s.receive("one", true)
	if kind := s.pending["send"].Kind; kind != proactor.SendLazily || c.Timed {
		t.Errorf("an answer is sent by %v, timed %v; want lazily, and no deadline", kind, c.Timed)
	}
	s.complete("send", 0, nil, false)
	if kind := s.pending["send"].Kind; kind != proactor.Send || !c.Timed {
		t.Errorf("what found no room is sent by %v, timed %v; want send, with a deadline", kind, c.Timed)
	}
	if got := s.sends(10); got != "one" || c.Timed {
		t.Errorf("sent %q, timed %v; want all of it, and no deadline any more", got, c.Timed)
	}
}

func TestInputWhileOwedWaitsItsTurn(t *testing.T) {
	_, s, session := newScripted(t, 7, echo)
	s.receive("one", true)
	s.receive("two", true)
	if len(session.said) != 1 {
		t.Fatalf("the session was fed %q while its answer was not sent", session.said)
	}
	s.receive("three, large enough", true)
	if !slices.Equal(s.lost, []string{"receive"}) {
		t.Fatalf("cancelled %q; want the receive: the peer does not stop", s.lost)
	}
	s.receive("four", true) // was on its way
	s.complete("receive", 0, unix.ECANCELED, false)
	s.want(t, "accept send")
	if got := s.sends(100); got != "one" {
		t.Errorf("sent %q", got)
	}
	if got := s.sends(100); got != "twothree, large enoughfour" {
		t.Errorf("then sent %q", got)
	}
	s.want(t, "accept receive")
}

func TestAnswersToWhatComesTogetherAreSentTogether(t *testing.T) {
	_, s, session := newScripted(t, 7, echo)
	in := func(text string, follow bool) {
		s.pending["receive"].Follow = follow
		s.receive(text, true)
	}
	in("one ", true)
	in("two ", true)
	s.want(t, "accept receive")
	in("three", false)
	if got := s.sends(100); got != "one two three" || len(session.said) != 3 {
		t.Errorf("sent %q, fed %q", got, session.said)
	}
	in(strings.Repeat("x", proto.OutputBound), true) // enough: it does not wait
	s.want(t, "accept receive send")
}

func TestVerdicts(t *testing.T) {
	t.Run("again", func(t *testing.T) {
		more := 3
		_, s, session := newScripted(t, 7, func(string) (string, proto.Verdict) {
			if more--; more == 0 {
				return "end", proto.Continue
			}
			return "part ", proto.Again
		})
		s.receive("go", true)
		got := s.sends(100) + s.sends(100) + s.sends(100)
		if got != "part part end" || !slices.Equal(session.said, []string{"go", "", ""}) {
			t.Errorf("sent %q, fed %q", got, session.said)
		}
	})
	t.Run("close", func(t *testing.T) {
		l, s, _ := newScripted(t, 7, func(string) (string, proto.Verdict) { return "bye", proto.Close })
		s.receive("go", true)
		if len(s.closed) != 0 {
			t.Fatal("closed before the answer was sent")
		}
		s.sends(100)
		if !slices.Equal(s.closed, []int32{7}) || l.live != 1 {
			t.Fatalf("closed %v, live %d; want 7, 1: its receive is pending", s.closed, l.live)
		}
		s.complete("receive", 0, unix.ECANCELED, false)
		if l.live != 0 {
			t.Error("not buried after its last completion")
		}
	})
	t.Run("linger", func(t *testing.T) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		refuse := func(string) (string, proto.Verdict) { return "no", proto.Linger }
		l, s, session := newScripted(t, pair[0], refuse)
		s.receive("go", true)
		s.sends(100)
		if n, err := unix.Read(pair[1], make([]byte, 1)); n != 0 || err != nil {
			t.Fatalf("the peer read %d, %v; want the end of the stream", n, err)
		}
		s.receive("still talking", true)
		if len(s.closed) != 0 || len(session.said) != 1 {
			t.Fatalf("closed %v, fed %q; want neither", s.closed, session.said)
		}
		s.complete("receive", 0, nil, false)
		if len(s.closed) != 1 || l.live != 0 {
			t.Errorf("closed %v, live %d; want it gone with the peer's FIN", s.closed, l.live)
		}
	})
}

func TestFinWhileOwed(t *testing.T) {
	l, s, _ := newScripted(t, 7, echo)
	s.receive("one", true)
	s.receive("two", true)
	s.complete("receive", 0, nil, false)
	if got := s.sends(1) + s.sends(100) + s.sends(2) + s.sends(1); got != "onetwo" {
		t.Errorf("sent %q", got)
	}
	if !slices.Equal(s.closed, []int32{7}) || l.live != 0 {
		t.Errorf("closed %v, live %d; want it gone when all was sent", s.closed, l.live)
	}
}

func TestNotThePeersDoing(t *testing.T) {
	for _, err := range []error{unix.ENOBUFS, unix.EINTR, unix.ECANCELED} {
		_, s, _ := newScripted(t, 7, echo)
		s.complete("receive", 0, err, false)
		s.want(t, "accept receive")
	}
}

func TestDeadConnectionIsBuriedByItsLastCompletion(t *testing.T) {
	for _, order := range [][]string{{"receive", "send"}, {"send", "receive"}} {
		l, s, session := newScripted(t, 7, echo)
		s.receive("one", true)
		l.close(l.conns.At(1))
		for i, what := range order {
			if l.live != 1 {
				t.Fatalf("buried before its %s completed", order[i])
			}
			s.complete(what, 0, unix.ECANCELED, false)
		}
		if l.live != 0 || len(session.said) != 1 {
			t.Errorf("%v: live %d, fed %q", order, l.live, session.said)
		}
	}
}

func TestAcceptPausesWhenShort(t *testing.T) {
	for _, resume := range []string{"time", "a descriptor"} {
		var logged bytes.Buffer
		l, s, _ := newScripted(t, 7, echo)
		l.house.Log = slog.New(slog.NewTextHandler(&logged, nil))
		s.complete("accept", 0, unix.EMFILE, false)
		s.want(t, "receive")
		if resume == "time" {
			for end := time.Now().Add(10 * time.Second); s.waits() != "accept receive"; {
				if err := l.turn(); err != nil || time.Now().After(end) {
					t.Fatal("accept does not resume", err)
				}
			}
			s.complete("accept", 0, unix.EMFILE, false)
		} else {
			s.complete("receive", 0, nil, false)
			s.want(t, "accept")
			s.complete("accept", 0, unix.EMFILE, false)
		}
		if !strings.Contains(logged.String(), "accept fails") {
			t.Errorf("nothing is logged of it: %q", &logged)
		}
	}
	_, s, _ := newScripted(t, 0, echo)
	s.complete("accept", 0, unix.ECONNABORTED, false)
	s.want(t, "accept")
}

func TestRefusesBeyondMaxConns(t *testing.T) {
	l, s, _ := newScripted(t, 0, echo, func(cfg *servers.Config) {
		cfg.MaxConns, cfg.Protocol.Refusal = 1, []byte("full")
	})
	s.complete("accept", 7, nil, true)
	s.pending["other receive"] = s.pending["receive"]
	delete(s.pending, "receive")
	s.complete("accept", 8, nil, true)
	if got := string(s.pending["send"].Buf); got != "full" {
		t.Fatalf("the second connection is told %q", got)
	}
	s.complete("send", 0, unix.ECONNRESET, false)
	inside, refused := l.house.Taken(loops.Inside), l.house.Taken(loops.Doorstep)
	if inside != 1 || refused != 0 || l.live != 1 {
		t.Errorf("admitted %d, refused %d, live %d; want 1, 0, 1", inside, refused, l.live)
	}
}

func TestStopTakesInWhatHasArrived(t *testing.T) {
	l, s, _ := newScripted(t, 7, echo)
	s.next = []func(){
		func() { s.receive("just in time", true) },
		func() { s.complete("accept", 0, unix.ECANCELED, false) },
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.closed, []int32{3}) {
		t.Fatalf("closed %v; want the listener alone: the connection is owed an answer", s.closed)
	}
	if got := s.sends(100); got != "just in time" {
		t.Errorf("sent %q", got)
	}
	if !slices.Equal(s.closed, []int32{3, 7}) {
		t.Errorf("closed %v; want the connection too, now that it asks for nothing", s.closed)
	}
}

func TestBrokenBackendEndsTheServer(t *testing.T) {
	broken := errors.New("out of order")
	l, _, _ := newScripted(t, 0, echo)
	l.p = failing{l.p, broken}
	if err := l.Run(); !errors.Is(err, broken) {
		t.Errorf("Run = %v; want %v", err, broken)
	}
}

type failing struct {
	proactor.Proactor
	err error
}

func (f failing) Complete(time.Duration) error { return f.err }
