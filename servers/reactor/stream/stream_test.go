package stream_test

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/loops"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/reactor/stream"
)

// open returns a stream, and its peer's end.
func open(t *testing.T, p proto.Protocol) (*loops.House, *stream.Stream, int) {
	t.Helper()
	h, err := loops.New(servers.Config{Addr: "127.0.0.1:0", Protocol: p})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := stream.Open(h, pair[0])
	t.Cleanup(func() {
		unix.Close(pair[1])
		if !s.Closed() {
			s.Close(h)
		}
	})
	return h, &s, pair[1]
}

func proceed(t *testing.T, s *stream.Stream, want stream.Next) {
	t.Helper()
	if next := s.Proceed(&offload.Work{Buf: make([]byte, 1024)}, &stream.Means{}); next != want {
		t.Fatalf("Proceed = %d; want %d", next, want)
	}
}

// TestConversation: a stream does what it was told that it can, and asks for what it needs.
func TestConversation(t *testing.T) {
	h, s, peer := open(t, proto.Echo())
	unix.Write(peer, []byte("hello"))
	proceed(t, s, stream.Wait) // it was not told
	if got := s.Interest(); got&demux.Readable == 0 || !s.Idle() {
		t.Errorf("a new stream waits for %#x; want bytes", got)
	}
	s.Note(demux.Readable)
	proceed(t, s, stream.Wait)
	buf := make([]byte, 100)
	if n, err := unix.Read(peer, buf); string(buf[:max(n, 0)]) != "hello" {
		t.Errorf("the peer received %q, %v", buf[:max(n, 0)], err)
	}
	if _, moved, answered := s.Progress(); !moved || !answered {
		t.Error("an answer is no progress")
	}
	if _, moved, answered := s.Progress(); moved || answered {
		t.Error("progress is told twice")
	}
	unix.Shutdown(peer, unix.SHUT_WR)
	s.Note(demux.Readable | demux.Hangup)
	proceed(t, s, stream.Over)
	if s.Close(h); !s.Closed() || h.Taken(loops.Inside) != 0 {
		t.Error("a closed stream keeps its seat")
	}
}

// TestDebtComesFirst: a stream that owes something reads nothing, whatever it is told, and pays
// when there is room.
func TestDebtComesFirst(t *testing.T) {
	_, s, peer := open(t, proto.Echo())
	sent, got := 0, 0
	for s.Note(demux.Readable); !s.Owes(); s.Note(demux.Readable) {
		n, _ := unix.Write(peer, bytes.Repeat([]byte("x"), 1024))
		sent += max(n, 0)
		s.Proceed(&offload.Work{Buf: make([]byte, 1024)}, &stream.Means{})
	}
	unix.Write(peer, []byte("y"))
	s.Note(demux.Readable)
	proceed(t, s, stream.Wait)
	if got := s.Interest(); got != demux.Writable || s.Idle() {
		t.Errorf("it waits for %#x; want room alone", got)
	}
	for buf := make([]byte, 1<<20); s.Owes() || got < sent; {
		n, err := unix.Read(peer, buf)
		if n <= 0 {
			t.Fatalf("%d of %d bytes came back: %v", got, sent, err)
		}
		got += n
		s.Note(demux.Writable)
		s.Proceed(&offload.Work{Buf: make([]byte, 1024)}, &stream.Means{})
	}
}

// TestTurnHasAnEnd: others come first, however much there is to say.
func TestTurnHasAnEnd(t *testing.T) {
	_, s, _ := open(t, proto.Protocol{Name: "talker", New: func() proto.Session { return talker{} }})
	s.Note(demux.Hangup) // no bytes, which makes no difference to it
	s.Obey(&offload.Work{Job: offload.Job{Verdict: proto.Again}}, &stream.Means{})
	proceed(t, s, stream.Later)
	proceed(t, s, stream.Later)
}

type talker struct{}

func (talker) Feed(out, _ []byte) ([]byte, proto.Verdict) { return append(out, '!'), proto.Again }
func (talker) Phase() proto.Phase                         { return proto.Body }
