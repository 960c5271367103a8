package reactor

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/proto"
	"iomodels/servers/sock"
)

// TestPeersThatNeverRead: they cost a buffer each, and not what they go on sending.
func TestPeersThatNeverRead(t *testing.T) {
	each(t, func(t *testing.T, edge bool) {
		const peers, most = 16, 256 << 20 // bytes that they send at most
		r := newRig(t, edge, servers.Config{Protocol: proto.Echo()})
		var fds []int
		for range peers {
			fd := r.connect()
			must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)) // the kernel's part is no concern
			fds = append(fds, fd)
		}
		before := residentMemory(t)
		piece, sent := bytes.Repeat([]byte("x"), servers.DefaultReadSize), 0
		for quiet := 0; (quiet < 3 || r.owing() < peers) && sent < most; quiet++ {
			for _, fd := range fds {
				if n, _ := sock.Send(fd, piece); n > 0 {
					sent, quiet = sent+n, 0
				}
			}
			_, err := r.l.demux.Dispatch(0)
			must(t, err)
		}
		if n := r.owing(); n < peers {
			t.Errorf("only %d of %d peers are not read from after %d MiB", n, peers, sent>>20)
		}
		grown, limit := residentMemory(t)-before, int64(peers*2*servers.DefaultReadSize+4<<20)
		t.Logf("%d peers sent %d KiB and read nothing; the process has grown by %d KiB", peers, sent>>10, grown>>10)
		if grown > limit {
			t.Errorf("the process has grown by %d KiB; want at most %d KiB", grown>>10, limit>>10)
		}
	})
}

// owing counts the connections that wait for room.
func (r *rig) owing() (n int) {
	r.l.conns.Each(func(c *conn) {
		if c.Owes() {
			n++
		}
	})
	return n
}

// residentMemory is what this process has in memory of its own, in bytes. What sockets hold is the
// kernel's.
func residentMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	must(t, err)
	_, line, found := bytes.Cut(status, []byte("RssAnon:"))
	kib := int64(0)
	for _, b := range bytes.TrimLeft(line, " \t") {
		if b < '0' || b > '9' {
			break
		}
		kib = 10*kib + int64(b-'0')
	}
	if !found || kib == 0 {
		t.Skip("the kernel does not tell RssAnon")
	}
	return kib << 10
}
