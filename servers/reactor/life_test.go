package reactor

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/deadline"
	"iomodels/servers/loops"
	"iomodels/servers/proto"
)

func TestPanicClosesOneConnection(t *testing.T) {
	fragile := protocol(&session{feed: func(out, in []byte) ([]byte, proto.Verdict) {
		if string(in) == "break" {
			panic("broken handler")
		}
		return append(out, in...), proto.Continue
	}})
	for _, offload := range []int{0, 1} {
		r := newRig(t, false, servers.Config{Protocol: fragile, Offload: offload})
		victim, other := r.connect(), r.connect()
		send(t, victim, "break")
		if n, errno := r.hear(victim, make([]byte, 10)); n != 0 || errno != 0 {
			t.Errorf("offload %d: the victim received %d bytes, %v; want FIN", offload, n, errno)
		}
		send(t, other, "fine")
		r.want(other, "fine")
		if !strings.Contains(r.log.String(), "broken handler") {
			t.Errorf("offload %d: the log does not say why: %q", offload, r.log.String())
		}
	}
}

// slow is a protocol whose handler waits until it is released, and then echoes. It answers
// with an exclamation mark if it is run twice at a time.
func slow() (p proto.Protocol, release chan struct{}) {
	release = make(chan struct{})
	var inside atomic.Int32
	return protocol(&session{feed: func(out, in []byte) ([]byte, proto.Verdict) {
		defer inside.Add(-1)
		if inside.Add(1) > 1 {
			return append(out, '!'), proto.Continue
		}
		<-release
		return append(out, in...), proto.Continue
	}}), release
}

// While a worker thinks, bytes that arrive must neither be fed nor make the loop spin.
func TestOffloadPeerThatSpeaksMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, edge bool) {
		p, release := slow()
		limits := servers.Timeouts{Idle: time.Second}
		r := newRig(t, edge, servers.Config{Protocol: p, Offload: 2, ReadSize: 3, Timeouts: limits})
		fd := r.connect()
		send(t, fd, "one") // fills the buffer: there might be more
		r.turn()
		r.pass(time.Hour) // who waits for our own handler is not idle
		send(t, fd, "two")
		r.turn() // hears of it, and does not want to again
		if n, err := r.l.demux.Dispatch(0); n != 0 || err != nil {
			t.Errorf("a connection that cannot react was reported again (%d, %v): the loop spins", n, err)
		}
		close(release)
		r.want(fd, "one")
		r.want(fd, "two")
		r.wantOpen(1)
	})
}

// A peer that resets while a worker thinks is found out when its reply cannot be sent; one that
// is timed out or shut off meanwhile leaves a job that nobody waits for.
func TestOffloadConnectionEndsMeanwhile(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(r *rig, fd int)
	}{
		{"reset by peer", func(r *rig, fd int) {
			must(r.t, unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
			must(r.t, unix.Dup2(r.connect(), fd)) // closes fd
			r.turn()
		}},
		{"closed by us", func(r *rig, fd int) { r.only().close(); r.connect() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			each(t, func(t *testing.T, edge bool) {
				p, release := slow()
				r := newRig(t, edge, servers.Config{Protocol: p, Offload: 1})
				fd := r.connect()
				send(t, fd, "one")
				r.turn()
				tc.end(r, fd)
				close(release)
				r.turn() // the work comes back
				r.wantOpen(1)
				other := r.connect()
				send(t, other, "two")
				r.want(other, "two")
			})
		})
	}
}

// Stop must answer what was asked, even if it is still unread in the socket; then all ends.
func TestStopAnswersWhatIsInTheSocket(t *testing.T) {
	each(t, func(t *testing.T, edge bool) {
		r := newRig(t, edge, servers.Config{Protocol: proto.Echo()})
		asking, idle := r.connect(), r.connect()
		send(t, asking, "last words")
		if !r.l.windDown() {
			t.Error("idle connections are still open")
		}
		r.want(asking, "last words")
		for _, fd := range []int{asking, idle} {
			if n, errno := r.hear(fd, make([]byte, 10)); n != 0 || errno != 0 {
				t.Errorf("at stop a peer saw %d bytes, %v; want FIN", n, errno)
			}
		}
	})
}

func TestStopWaitsForTheGrace(t *testing.T) {
	http := proto.HTTP(t.Context(), proto.Limits{})
	r := newRig(t, false, servers.Config{Protocol: http, Grace: 5 * time.Second})
	fd := r.connect()
	send(t, fd, "GET /")
	r.turn()
	if r.l.windDown() {
		t.Error("a connection in the middle of a head was closed at once")
	}
	r.pass(4 * time.Second)
	if r.l.windDown() {
		t.Error("it was closed within the grace")
	}
	r.pass(2 * time.Second)
	if !r.l.windDown() {
		t.Error("it is still open after the grace")
	}
}

// Beyond MaxConns peers are told, and a crowd of them does not take away descriptors.
func TestRefusedCrowd(t *testing.T) {
	http := proto.HTTP(t.Context(), proto.Limits{})
	r := newRig(t, false, servers.Config{Protocol: http, MaxConns: 1})
	first := r.connect()
	for range loops.DoorstepMax {
		r.connect()
	}
	if n := r.house.Taken(loops.Doorstep); n != loops.DoorstepMax {
		t.Errorf("%d refused connections linger; want %d", n, loops.DoorstepMax)
	}
	r.want(r.knock(), string(http.Refusal))
	if n := r.house.Taken(loops.Doorstep); n != loops.DoorstepMax {
		t.Errorf("%d refused connections linger after one more; want %d", n, loops.DoorstepMax)
	}
	r.pass(deadline.LingerTime + 200*time.Millisecond)
	if n := r.house.Taken(loops.Doorstep); n != 0 {
		t.Errorf("%d refused connections linger for ever", n)
	}
	r.wantOpen(1)
	send(t, first, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if n, _ := r.hear(first, make([]byte, 1000)); n == 0 {
		t.Error("the connection within the limit is no longer served")
	}
}

// Out of descriptors: the loop must not spin, and must go on as soon as one may be free.
func TestAcceptPauses(t *testing.T) {
	for resumed, resume := range map[string]func(r *rig){
		"a connection closes": func(r *rig) { r.l.conns.Each((*conn).close) },
		"time passes":         func(r *rig) { r.pass(3 * deadline.Resolution) },
	} {
		r := newRig(t, false, servers.Config{Protocol: proto.Echo()})
		r.connect()
		waiting := r.knock()
		var had unix.Rlimit
		must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &had))
		must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(r.lowestFree(waiting)), Max: had.Max}))
		r.turn()
		must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &had))
		if n, err := r.l.demux.Dispatch(0); n != 0 || err != nil {
			t.Errorf("a connection that cannot be accepted is reported (%d, %v): the loop spins", n, err)
		}
		r.wantOpen(1)
		resume(r)
		if n, err := r.l.demux.Dispatch(0); n != 1 || err != nil {
			t.Errorf("when %s, accept does not go on (%d, %v)", resumed, n, err)
		}
		if log := r.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, unix.EMFILE.Error()) {
			t.Errorf("the log says %q; want one line with the reason", log)
		}
	}
}

// lowestFree returns the number that the next descriptor would get.
func (r *rig) lowestFree(any int) int {
	r.t.Helper()
	fd, err := unix.Dup(any)
	must(r.t, err)
	must(r.t, unix.Close(fd))
	return fd
}
