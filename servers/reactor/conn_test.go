package reactor

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/proto"
	"iomodels/servers/sock"
)

// each runs a test in both modes.
func each(t *testing.T, f func(t *testing.T, edge bool)) {
	for mode, edge := range modes {
		t.Run(mode, func(t *testing.T) { f(t, edge) })
	}
}

// block has the loop owe fd more than the sockets hold, and returns what was sent in total.
func (r *rig) block(fd int) (sent int) {
	r.t.Helper()
	c := r.only()
	piece := make([]byte, 1<<20)
	for len(c.pending) == 0 || c.canWrite {
		n, _ := sock.Send(fd, piece)
		sent += n
		r.turn()
		if sent > 100<<20 {
			r.t.Fatal("100 MiB were echoed to a peer that does not read")
		}
	}
	return sent
}

// only returns the loop's one connection.
func (r *rig) only() *conn {
	r.t.Helper()
	var found *conn
	for _, c := range r.l.conns {
		if c != nil && found != nil {
			r.t.Fatal("there are several connections")
		} else if c != nil {
			found = c
		}
	}
	return found
}

// After a peer has made the loop wait for room, everything still comes, and then more.
func TestBlockedPeerGetsAllAndGoesOn(t *testing.T) {
	each(t, func(t *testing.T, edge bool) {
		r := newRig(t, edge, servers.Config{Protocol: proto.Echo()})
		fd := r.connect()
		sent := r.block(fd)
		buf := make([]byte, 1<<20)
		for got := 0; got < sent; {
			n, errno := r.hear(fd, buf)
			if n <= 0 {
				t.Fatalf("the stream ended after %d of %d bytes: %v", got, sent, errno)
			}
			got += n
		}
		if r.only().pending != nil {
			t.Error("the connection keeps its buffer although nothing is owed")
		}
		send(t, fd, "more")
		r.want(fd, "more")
	})
}

func TestTimeouts(t *testing.T) {
	limits := servers.Timeouts{Idle: time.Minute, Head: 10 * time.Second, Write: 30 * time.Second}
	http := proto.HTTP(t.Context(), proto.Limits{})
	for _, tc := range []struct {
		name string
		p    proto.Protocol
		play func(r *rig, fd int) // leaves the connection with the deadline at stake
		life time.Duration        // it must be open just before, and closed just after
	}{
		{"never said a word", proto.Echo(), func(*rig, int) {}, limits.Idle},
		{"silent after an echo", proto.Echo(), func(r *rig, fd int) {
			r.pass(limits.Idle / 2)
			send(r.t, fd, "x")
			r.want(fd, "x")
		}, limits.Idle},
		{"silent in a head", http, func(r *rig, fd int) {
			send(r.t, fd, "GET / HT")
			r.turn()
		}, limits.Head},
		{"dribbles a head", http, func(r *rig, fd int) {
			for _, b := range []string{"G", "E", "T"} {
				send(r.t, fd, b)
				r.turn()
				r.pass(limits.Head / 4)
			}
		}, limits.Head / 4},
		{"begins another head each time", http, func(r *rig, fd int) {
			send(r.t, fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /")
			r.turn()
			r.pass(limits.Head * 3 / 4)
			send(r.t, fd, " HTTP/1.1\r\nHost: x\r\n\r\nGET /")
			r.turn()
		}, limits.Head},
		{"silent in a body", http, func(r *rig, fd int) {
			send(r.t, fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
			r.turn()
			r.pass(limits.Write / 2)
			send(r.t, fd, "123")
			r.turn()
		}, limits.Write},
		{"does not read", proto.Echo(), func(r *rig, fd int) { r.block(fd) }, limits.Write},
		{"does not read but writes on", proto.Echo(), func(r *rig, fd int) {
			r.block(fd)
			r.pass(limits.Write / 2)
			r.only().HandleReady(Readable)
		}, limits.Write / 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			each(t, func(t *testing.T, edge bool) {
				r := newRig(t, edge, servers.Config{Protocol: tc.p, Timeouts: limits})
				fd := r.connect()
				tc.play(r, fd)
				const leeway = 200 * time.Millisecond // ticks are coarse
				r.pass(tc.life - leeway)
				r.wantOpen(1)
				r.pass(2 * leeway)
				r.wantOpen(0)
			})
		})
	}
}

func TestLinger(t *testing.T) {
	bye := protocol(&session{feed: func(out, in []byte) ([]byte, proto.Verdict) {
		return append(out, "refused"...), proto.Linger
	}})
	for _, tc := range []struct {
		name string
		play func(r *rig, fd int)
		open int // connections afterwards
	}{
		{"peer goes on sending", func(r *rig, fd int) {
			for range 10 {
				send(r.t, fd, "more")
				r.turn()
			}
		}, 1},
		{"peer sends FIN", func(r *rig, fd int) { must(r.t, unix.Shutdown(fd, unix.SHUT_WR)); r.turn() }, 0},
		{"peer sends too much", func(r *rig, fd int) {
			piece := bytes.Repeat([]byte("x"), lingerReads*servers.DefaultReadSize)
			for turns := 0; turns < 2*lingerReads && r.l.server.admitted.Load() > 0; turns++ {
				sock.Send(fd, piece)
				r.turn()
			}
		}, 0},
		{"peer does nothing", func(r *rig, fd int) { r.pass(lingerTime + 200*time.Millisecond) }, 0},
		{"peer dribbles", func(r *rig, fd int) {
			for passed := time.Duration(0); passed < 2*lingerTime && r.l.server.admitted.Load() > 0; {
				send(r.t, fd, "x")
				r.turn()
				r.pass(lingerTime / 3)
				passed += lingerTime / 3
			}
		}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			each(t, func(t *testing.T, edge bool) {
				r := newRig(t, edge, servers.Config{Protocol: bye})
				fd := r.connect()
				send(t, fd, "x")
				r.want(fd, "refused")
				if n, errno := r.hear(fd, make([]byte, 10)); n != 0 || errno != 0 {
					t.Errorf("after the refusal: %d bytes, %v; want FIN", n, errno)
				}
				r.wantOpen(1)
				tc.play(r, fd)
				r.wantOpen(tc.open)
			})
		})
	}
}

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

// slow is a protocol whose handler waits until it is released, and then echoes.
func slow() (p proto.Protocol, release chan struct{}) {
	release = make(chan struct{})
	return protocol(&session{feed: func(out, in []byte) ([]byte, proto.Verdict) {
		<-release
		return append(out, in...), proto.Continue
	}}), release
}

// While a worker thinks, bytes that arrive must neither be fed nor make the loop spin.
func TestOffloadPeerThatSpeaksMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, edge bool) {
		p, release := slow()
		r := newRig(t, edge, servers.Config{Protocol: p, Offload: 1})
		fd := r.connect()
		send(t, fd, "one")
		r.turn()
		send(t, fd, "two")
		r.turn() // hears of it, and does not want to again
		if n, err := r.l.demux.Dispatch(0); n != 0 || err != nil {
			t.Errorf("a connection that cannot react was reported again (%d, %v): the loop spins", n, err)
		}
		close(release)
		r.want(fd, "one")
		r.want(fd, "two")
		send(t, fd, "three")
		r.want(fd, "three")
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
				for len(r.l.idle) == 0 { // the work has come back
					r.turn()
				}
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
	for range refusedMax {
		r.connect()
	}
	if n := r.l.server.refused.Load(); n != refusedMax {
		t.Errorf("%d refused connections linger; want %d", n, refusedMax)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	must(t, err)
	r.peers = append(r.peers, fd)
	unix.Connect(fd, &unix.SockaddrInet4{Port: r.addr.Port, Addr: [4]byte{127, 0, 0, 1}})
	r.want(fd, string(http.Refusal))
	if n := r.l.server.refused.Load(); n != refusedMax {
		t.Errorf("%d refused connections linger after one more; want %d", n, refusedMax)
	}
	r.pass(lingerTime + 200*time.Millisecond)
	if n := r.l.server.refused.Load(); n != 0 {
		t.Errorf("%d refused connections linger for ever", n)
	}
	r.wantOpen(1)
	send(t, first, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if n, _ := r.hear(first, make([]byte, 1000)); n == 0 {
		t.Error("the connection within the limit is no longer served")
	}
}

// Out of descriptors: the loop must not spin, and must go on as soon as one is free.
func TestAcceptPauses(t *testing.T) {
	r := newRig(t, false, servers.Config{Protocol: proto.Echo()})
	r.connect()
	a := acceptor{r.l}
	for resumed, resume := range map[string]func(){
		"a connection closes": func() { r.only().close(); r.connect() },
		"time passes":         func() { r.pass(2*acceptPause + 100*time.Millisecond) },
	} {
		a.pause(unix.EMFILE)
		if got := r.l.demux.table[r.l.listener].interest; got != 0 {
			t.Errorf("while accept pauses the listener's interest is %#x", got)
		}
		if resume(); r.l.demux.table[r.l.listener].interest != Readable {
			t.Errorf("accept does not go on when %s", resumed)
		}
	}
	for range 10 {
		a.pause(unix.EMFILE)
	}
	if n := strings.Count(r.log.String(), "\n"); n != 1 {
		t.Errorf("the log has %d lines about it; want 1 in a second", n)
	}
}
