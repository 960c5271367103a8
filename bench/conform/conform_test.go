package conform

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// serve answers every connection with a fixed text, then closes it or holds it.
func serve(t *testing.T, reply string, hangUp bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.ReadAtLeast(conn, make([]byte, 1024), 1)
			io.WriteString(conn, reply)
			if hangUp {
				conn.Close()
			} else {
				t.Cleanup(func() { conn.Close() })
			}
		}
	}()
	return l.Addr().String()
}

func vector(change func(*Vector)) Vector {
	v := Vector{Name: "case", Section: "9112 3", Send: []Piece{{Text: "GET / HTTP/1.1\r\n\r\n"}}}
	v.Expect.Statuses = []int{200}
	change(&v)
	return v
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

func TestPlay(t *testing.T) {
	for _, c := range []struct {
		name, reply string
		hangUp      bool
		change      func(*Vector)
		why         string // part of the complaint; "": it must pass
	}{
		{"as expected", ok, false, func(v *Vector) { v.Expect.Bodies = []string{"hi"} }, ""},
		{"wrong status", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", false, func(*Vector) {}, "statuses [404]"},
		{
			"allowed status", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", false,
			func(v *Vector) { v.Also = [][]int{{404}} }, "",
		},
		{"wrong body", ok, false, func(v *Vector) { v.Expect.Bodies = []string{"ho"} }, "body 1"},
		{"closes though it must not", ok, true, func(*Vector) {}, "was closed"},
		{"stays though it must close", ok, false, func(v *Vector) { v.Expect.Close = true }, "stays open"},
		{"closes", ok, true, func(v *Vector) { v.Expect.Close = true }, ""},
		{"lacks a field", ok, false, func(v *Vector) { v.Expect.Contains = []string{"Date:"} }, "lacks"},
		{"has what it must not", ok, false, func(v *Vector) { v.Expect.Lacks = []string{"Length"} }, "contains"},
		{"no HTTP", "hello\r\n\r\n", false, func(*Vector) {}, "no HTTP"},
		{"says nothing", "", true, func(*Vector) {}, "statuses []"},
		{
			"interim and final", "HTTP/1.1 100 Continue\r\n\r\n" + ok, false,
			func(v *Vector) { v.Expect.Statuses = []int{100, 200} }, "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := serve(t, c.reply, c.hangUp)
			o := Play(addr, vector(c.change), Patience{Reply: 300 * time.Millisecond, Quiet: 50 * time.Millisecond})
			switch {
			case c.why == "" && !o.Passed:
				t.Errorf("failed: %s", o.Why)
			case c.why != "" && (o.Passed || !strings.Contains(o.Why, c.why)):
				t.Errorf("passed is %v, why is %q; want a complaint with %q", o.Passed, o.Why, c.why)
			}
		})
	}
}

func TestTextCannotSteerATerminal(t *testing.T) {
	text := Text("server", []Outcome{{Vector: Vector{Name: "case"}, Why: "said \x1b[2J"}}, false)
	if strings.Contains(text, "\x1b") {
		t.Errorf("an escape code came through: %q", text)
	}
	if !strings.HasSuffix(text, "0 passed, 1 failed\n") {
		t.Errorf("the text ends with %q", text[max(0, len(text)-40):])
	}
}

func TestSectionsInOrder(t *testing.T) {
	if compareSections("9112 9.3.2", "9112 9.12") >= 0 {
		t.Error("9.3.2 must come before 9.12")
	}
}
