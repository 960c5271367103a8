package wire

import (
	"bufio"
	"bytes"
	"io"
	nethttp "net/http"
	"slices"
	"strings"
	"testing"
)

const (
	hello = "Hello, World!"
	ok    = "HTTP/1.1 200 OK\r\n"
)

func TestReplies(t *testing.T) {
	good, wrong, bad := step{o: OK}, step{o: WrongBody}, step{o: Malformed, lost: true}
	truncated := step{o: Truncated}
	last := step{o: OK, closing: true}
	for _, c := range []struct {
		name, path, stream string
		want               []step
	}{
		{"content-length", "/", ok + "Content-Length: 13\r\n\r\n" + hello, []step{good}},
		{"odd case and spaces", "/", ok + "cOnTent-lenGth:\t 13 \r\nX: y\r\n\r\n" + hello, []step{good}},
		{
			"same length twice", "/", ok + "Content-Length: 13\r\nContent-Length: 13\r\n\r\n" + hello,
			[]step{good},
		},
		{"two replies", "/", strings.Repeat(ok+"Content-Length: 13\r\n\r\n"+hello, 2), []step{good, good}},
		{"empty reason", "/", "HTTP/1.1 200 \r\nContent-Length: 13\r\n\r\n" + hello, []step{good}},
		{"interim reply first", "/", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok +
			"Content-Length: 13\r\n\r\n" + hello, []step{good}},
		{"chunked", "/", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n8;a=b\r\n, World!\r\n" +
			"0\r\n\r\n", []step{good}},
		{"chunked, hexadecimal, trailers", "/", ok + "Transfer-Encoding: Chunked\r\n\r\n00D\r\n" + hello +
			"\r\n000\r\nA: b\r\nC: d\r\n\r\n", []step{good}},
		{
			"chunked, twice", "/",
			strings.Repeat(ok+"Transfer-Encoding: chunked\r\n\r\nd\r\n"+hello+"\r\n0\r\n\r\n", 2),
			[]step{good, good},
		},
		{"until close", "/", ok + "\r\n" + hello, []step{last}},
		{
			"connection: close", "/", ok + "Connection: close\r\nContent-Length: 13\r\n\r\n" + hello,
			[]step{last},
		},
		{"HTTP/1.0", "/", "HTTP/1.0 200 OK\r\nContent-Length: 13\r\n\r\n" + hello, []step{last}},
		{
			"HTTP/1.0 kept", "/",
			"HTTP/1.0 200 OK\r\nConnection: x, Keep-Alive\r\nContent-Length: 13\r\n\r\n" + hello,
			[]step{good},
		},
		{"bytes", "/bytes/30", ok + "Content-Length: 30\r\n\r\nabcdefghijklmnopqrstuvwxyzabcd", []step{good}},
		{"no bytes", "/bytes/0", ok + "Content-Length: 0\r\n\r\n", []step{good}},
		{"other target", "/what", ok + "Content-Length: 3\r\n\r\nabc", []step{good}},
		{
			"204", "/what", "HTTP/1.1 204 No Content\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n",
			[]step{good, good},
		},

		{"wrong byte", "/", ok + "Content-Length: 13\r\n\r\nHello, world!", []step{wrong}},
		{"too short", "/", ok + "Content-Length: 12\r\n\r\nHello, World", []step{wrong}},
		{"too long", "/", ok + "Content-Length: 14\r\n\r\nHello, World!!", []step{wrong}},
		{"empty", "/", ok + "Content-Length: 0\r\n\r\n", []step{wrong}},
		{"204 where a body belongs", "/", "HTTP/1.1 204 No Content\r\n\r\n", []step{wrong}},
		{
			"bytes out of step", "/bytes/30", ok + "Content-Length: 30\r\n\r\nabcdefghijklmnopqrstuvwxyaabcd",
			[]step{wrong},
		},
		{
			"wrong, then right", "/",
			ok + "Content-Length: 2\r\n\r\nno" + ok + "Content-Length: 13\r\n\r\n" + hello,
			[]step{wrong, good},
		},
		{
			"404 with a body", "/", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\noops",
			[]step{{o: Status4xx}},
		},
		{
			"500 chunked", "/", "HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
			[]step{{o: Status5xx}},
		},
		{"304", "/", "HTTP/1.1 304 Not Modified\r\n\r\n", []step{{o: Status3xx}}},
		{"101", "/", "HTTP/1.1 101 Switching Protocols\r\n\r\n", []step{{o: Status1xx}}},
		{"half a head", "/", ok + "Content-", []step{truncated}},
		{"half a body", "/", ok + "Content-Length: 13\r\n\r\nHello", []step{truncated}},
		{"half a chunk", "/", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nHel", []step{truncated}},
		{
			"no last chunk", "/", ok + "Transfer-Encoding: chunked\r\n\r\nd\r\n" + hello + "\r\n",
			[]step{truncated},
		},
		{"nothing", "/", "", nil},

		{"garbage", "/", "SSH-2.0-OpenSSH\r\n\r\n", []step{bad}},
		{"status of letters", "/", "HTTP/1.1 2OO OK\r\n\r\n", []step{bad}},
		{"status 600", "/", "HTTP/1.1 600 x\r\n\r\n", []step{bad}},
		{"no space after the status", "/", "HTTP/1.1 200\r\nContent-Length: 13\r\n\r\n", []step{bad}},
		{"HTTP/2.0", "/", "HTTP/2.0 200 OK\r\n\r\n", []step{bad}},
		{"space before the colon", "/", ok + "Content-Length : 13\r\n\r\n", []step{bad}},
		{"folded line", "/", ok + "A: b\r\n c\r\n\r\n", []step{bad}},
		{"line without colon", "/", ok + "what\r\n\r\n", []step{bad}},
		{"lone line feed", "/", ok + "A: b\nContent-Length: 13\r\n\r\n", []step{bad}},
		{"lone carriage return", "/", ok + "A: b\rc\r\n\r\n", []step{bad}},
		{"signed length", "/", ok + "Content-Length: +13\r\n\r\n", []step{bad}},
		{"endless length", "/", ok + "Content-Length: 99999999999999999999\r\n\r\n", []step{bad}},
		{"list of lengths", "/", ok + "Content-Length: 13, 13\r\n\r\n", []step{bad}},
		{"two lengths", "/", ok + "Content-Length: 13\r\nContent-Length: 14\r\n\r\n", []step{bad}},
		{
			"length and coding", "/", ok + "Content-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n",
			[]step{bad},
		},
		{
			"coding in HTTP/1.0", "/", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			[]step{bad},
		},
		{"other coding", "/", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", []step{bad}},
		{"no chunk size", "/", ok + "Transfer-Encoding: chunked\r\n\r\n\r\nHello", []step{bad}},
		{"bad chunk size", "/", ok + "Transfer-Encoding: chunked\r\n\r\n5g\r\nHello", []step{bad}},
		{
			"endless chunk size", "/", ok + "Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n",
			[]step{bad},
		},
		{"chunk longer than said", "/", ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nHello\r\n", []step{bad}},
		{"chunk without line end", "/", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nHello\n", []step{bad}},
		{
			"trailer with lone line feed", "/", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n",
			[]step{bad},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := mustNew(t, Spec{Proto: "http", Host: "h", Paths: []string{"/unused", c.path}})
			inEveryWay(t, d, 1, c.stream, c.want)
			if h := d.(*http); len(h.spare) != len(h.carries) {
				t.Errorf("%d of %d buffers were not given back", len(h.carries)-len(h.spare), len(h.carries))
			}
		})
	}
}

func TestFloodsAreBounded(t *testing.T) {
	for name, stream := range map[string]string{
		"head":            ok + strings.Repeat("A: "+strings.Repeat("b", 1000)+"\r\n", 100),
		"chunk extension": ok + "Transfer-Encoding: chunked\r\n\r\n5;" + strings.Repeat("a", 100_000),
		"trailers": ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("A: b\r\n",
			20_000),
	} {
		t.Run(name, func(t *testing.T) {
			d := mustNew(t, Spec{Proto: "http", Host: "h", Paths: []string{"/x"}})
			var cuts []int
			for i := 1000; i < len(stream); i += 1000 {
				cuts = append(cuts, i)
			}
			want := []step{{o: Malformed, lost: true}}
			if got := play(t, d, 0, stream, cuts); !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

func TestRequestsAreWhatAServerReads(t *testing.T) {
	d := mustNew(t, Spec{
		Proto: "http", Host: "host:1", Paths: []string{"/", "/echo"}, Size: 1000,
		Pipeline: 3,
	})
	var s State
	d.Start(&s, 0)
	stream := written(t, d, &s, 0, 3, 10) + written(t, d, &s, 1, 3, 10)
	r := bufio.NewReader(strings.NewReader(stream))
	for i := range 6 {
		req, err := nethttp.ReadRequest(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(req.Body)
		if err != nil || req.Host != "host:1" {
			t.Fatalf("request %d: host %q, %v", i, req.Host, err)
		}
		if want := []string{"GET /", "POST /echo"}[i/3]; req.Method+" "+req.RequestURI != want {
			t.Errorf("request %d is %s %s, want %s", i, req.Method, req.RequestURI, want)
		}
		if i >= 3 && !bytes.Equal(body, noise(1000)) {
			t.Errorf("request %d has %d other bytes", i, len(body))
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Error("bytes are left over")
	}
}

// TestRememberedRepliesVouchForNoOthers: a dialog that has seen a good reply must judge every
// altered one, and one to another kind of request, as a dialog does that has seen nothing.
func TestRememberedRepliesVouchForNoOthers(t *testing.T) {
	spec := Spec{Proto: "http", Host: "h", Paths: []string{"/", "/bytes/13"}}
	good := ok + "Content-Length: 13\r\n\r\n" + hello
	seasoned := mustNew(t, spec)
	judge := func(d Dialog, kind uint8, reply string) []step { return play(t, d, kind, reply, nil) }
	for i := range len(good) {
		for _, bit := range []byte{1, 0x20} {
			if got := judge(seasoned, 0, good); len(got) != 1 || got[0].o != OK {
				t.Fatalf("the good reply is judged %v", got)
			}
			bad := []byte(good)
			bad[i] ^= bit
			got, want := judge(seasoned, 0, string(bad)), judge(mustNew(t, spec), 0, string(bad))
			if !slices.Equal(got, want) {
				t.Errorf("%q: judged %v, by a new dialog %v", bad, got, want)
			}
		}
	}
	judge(seasoned, 0, good)
	if got := judge(seasoned, 1, good); len(got) != 1 || got[0].o != WrongBody {
		t.Errorf("another kind's reply is judged %v", got)
	}
}

// FuzzReplyInAnyCut: what a stream means must not depend on how it arrives, and whatever we
// take for a good reply net/http must read in the same way.
func FuzzReplyInAnyCut(f *testing.F) {
	f.Add([]byte(ok+"Content-Length: 13\r\n\r\n"+hello), uint16(20))
	f.Add([]byte(ok+"Transfer-Encoding: chunked\r\n\r\nd\r\n"+hello+"\r\n0\r\n\r\n"), uint16(50))
	f.Add([]byte(ok+"\r\n"+hello), uint16(3))
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		d := mustNew(t, Spec{Proto: "http", Host: "h", Paths: []string{"/"}})
		whole := play(t, d, 0, string(stream), nil)
		at := int(cut) % (len(stream) + 1)
		if parts := play(t, d, 0, string(stream), []int{at}); !slices.Equal(whole, parts) {
			t.Fatalf("whole %v, cut at %d %v", whole, at, parts)
		}
		if len(whole) == 0 || whole[0].o != OK || bytes.HasPrefix(stream, []byte("HTTP/1.1 1")) ||
			bytes.HasPrefix(stream, []byte("HTTP/1.0 1")) {
			return
		}
		res, err := nethttp.ReadResponse(bufio.NewReader(bytes.NewReader(stream)), nil)
		if err != nil {
			t.Fatalf("net/http: %v", err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != hello {
			t.Fatalf("net/http reads %q, %v", body, err)
		}
	})
}

func FuzzEchoInAnyCut(f *testing.F) {
	f.Add(uint16(64), uint32(9), uint16(100), true)
	f.Fuzz(func(t *testing.T, size uint16, id uint32, cut uint16, flip bool) {
		d := mustNew(t, Spec{Proto: "echo", Size: int(size%4096) + 1, Pipeline: 2})
		var s State
		d.Start(&s, id)
		stream := []byte(written(t, d, &s, 0, 2, 1000))
		at := int(cut) % len(stream)
		if flip {
			stream[at] ^= 1
		}
		var in State
		d.Start(&in, id)
		good := 0
		for _, piece := range [][]byte{stream[:at], stream[at:]} {
			for len(piece) > 0 && !in.Lost() {
				used, o := d.Feed(&in, 0, piece)
				if piece = piece[used:]; o == OK {
					good++
				}
			}
		}
		if in.Lost() != flip || !flip && good != 2 {
			t.Errorf("%d good replies, lost %v, flipped %v", good, in.Lost(), flip)
		}
	})
}

func BenchmarkFeedHTTP(b *testing.B) {
	d := mustNew(b, Spec{Proto: "http", Host: "h"})
	in := []byte(ok + "Server: x\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\n" + hello)
	var s State
	d.Start(&s, 0)
	for b.Loop() {
		if _, o := d.Feed(&s, 0, in); o != OK {
			b.Fatal(o)
		}
	}
}

func BenchmarkFeedEcho(b *testing.B) {
	d := mustNew(b, Spec{Proto: "echo", Size: 64})
	var s State
	d.Start(&s, 0)
	for b.Loop() {
		out := d.Out(&s, 0, 1)
		d.Wrote(&s, 0, len(out))
		if _, o := d.Feed(&s, 0, out); o != OK {
			b.Fatal(o)
		}
	}
}
