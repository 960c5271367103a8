package reactor

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/deadline"
	"iomodels/servers/proto"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/sock"
)

// each runs a test in both modes.
func each(t *testing.T, f func(t *testing.T, edge bool)) {
	for mode, edge := range modes {
		t.Run(mode, func(t *testing.T) { f(t, edge) })
	}
}

// block has the loop owe fd, the only connection, more than the sockets hold, and returns what
// was sent.
func (r *rig) block(fd int) (sent []byte) {
	r.t.Helper()
	c := r.only()
	rng := rand.NewChaCha8([32]byte{})
	for piece := make([]byte, 1<<20); c.Interest() != demux.Writable; {
		rng.Read(piece)
		n, _ := sock.Send(fd, piece)
		sent = append(sent, piece[:max(n, 0)]...)
		if r.turn(); len(sent) > 100<<20 {
			r.t.Fatal("100 MiB were echoed to a peer that does not read")
		}
	}
	return sent
}

// only returns the loop's one connection.
func (r *rig) only() *conn {
	r.t.Helper()
	var found *conn
	r.l.conns.Each(func(c *conn) {
		if found != nil {
			r.t.Fatal("there are several connections")
		}
		found = c
	})
	return found
}

// After a peer has made the loop wait for room, everything still comes, and then more.
func TestBlockedPeerGetsAllAndGoesOn(t *testing.T) {
	each(t, func(t *testing.T, edge bool) {
		r := newRig(t, edge, servers.Config{Protocol: proto.Echo()})
		fd := r.connect()
		c, sent := r.only(), r.block(fd)
		other := r.connect()
		chatter := strings.Repeat("x", servers.DefaultReadSize)
		send(t, other, chatter) // the buffers that all share are used by somebody else meanwhile
		r.want(other, chatter)
		buf := make([]byte, 1<<20)
		for got := 0; got < len(sent); {
			n, errno := r.hear(fd, buf)
			if n <= 0 || !bytes.Equal(buf[:n], sent[got:got+n]) {
				t.Fatalf("after %d of %d bytes the stream is not what it was: %v", got, len(sent), errno)
			}
			got += n
		}
		if c.Interest() == demux.Writable {
			t.Error("the connection waits for room although nothing is owed")
		}
		send(t, fd, "more")
		r.want(fd, "more")
	})
}

// FIN may come with the last bytes, in one event that is told once.
func TestLastBytesAndFINTogether(t *testing.T) {
	each(t, func(t *testing.T, edge bool) {
		r := newRig(t, edge, servers.Config{Protocol: proto.Echo()})
		fd := r.connect()
		send(t, fd, "last")
		must(t, unix.Shutdown(fd, unix.SHUT_WR))
		r.turn()
		r.want(fd, "last")
		if n, errno := r.hear(fd, make([]byte, 10)); n != 0 || errno != 0 {
			t.Errorf("then came %d bytes, %v; want FIN", n, errno)
		}
		r.wantOpen(0)
	})
}

func TestDescriptorsAndSlotsAreReused(t *testing.T) {
	each(t, func(t *testing.T, edge bool) {
		limits := servers.Timeouts{Idle: time.Second}
		r := newRig(t, edge, servers.Config{Protocol: proto.Echo(), Timeouts: limits})
		for range 10 {
			send(t, r.connect(), "x")
			r.turn()
			for _, fd := range r.peers {
				unix.Close(fd)
			}
			r.peers = r.peers[:0]
			for r.open() > 0 {
				r.turn()
			}
			r.pass(2 * limits.Idle) // nobody is left to be timed out
		}
		fd := r.connect()
		send(t, fd, "y")
		r.want(fd, "y")
		if slot := r.only().slot; slot != 1 {
			t.Errorf("one connection at a time has come to slot %d; want 1", slot)
		}
		if r.log.Len() > 0 {
			t.Errorf("the log says %s", r.log.String())
		}
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
		{"dribbles the second head", http, func(r *rig, fd int) {
			send(r.t, fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			for _, b := range []string{"G", "E", "T"} {
				r.turn()
				r.pass(limits.Head / 4)
				send(r.t, fd, b)
			}
			r.turn()
		}, limits.Head / 2},
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
			r.only().HandleReady(demux.Readable)
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
				r.pass(time.Hour) // its deadlines are gone with it
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
			piece := bytes.Repeat([]byte("x"), deadline.LingerReads*servers.DefaultReadSize)
			for turns := 0; turns < 2*deadline.LingerReads && r.open() > 0; turns++ {
				sock.Send(fd, piece)
				r.turn()
			}
		}, 0},
		{"peer does nothing", func(r *rig, fd int) { r.pass(deadline.LingerTime + 200*time.Millisecond) }, 0},
		{"peer dribbles", func(r *rig, fd int) {
			for passed := time.Duration(0); passed < 2*deadline.LingerTime && r.open() > 0; {
				send(r.t, fd, "x")
				r.turn()
				r.pass(deadline.LingerTime / 3)
				passed += deadline.LingerTime / 3
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
