// Package conform plays test vectors of HTTP/1.1 against a running server and says, case by
// case, whether the server keeps the rule. The vectors were written from the text of the RFCs,
// each with its section; netserve --vectors prints them. The replies are read by net/http, not
// by the parser under test.
package conform

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Vector is one connection: what to send, and what must come back.
type Vector struct {
	Name    string   `json:"name"`
	Section string   `json:"section"` // of RFC 9110, 9112 or 9113
	Level   string   `json:"level"`   // MUST, SHOULD, MAY: the RFC's word
	Send    []Piece  `json:"send"`
	Methods []string `json:"methods"` // in order, where one is HEAD: its response has no body
	Expect  struct {
		Statuses []int    `json:"statuses"` // in order, interim ones included
		Close    bool     `json:"close"`    // the server then closes the connection by itself
		Bodies   []string `json:"bodies"`
		Contains []string `json:"contains"`
		Lacks    []string `json:"lacks"`
	} `json:"expect"`
	Also [][]int `json:"also"` // status sequences that the RFC allows another server
}

// Piece is text to send, repeated, and held back until a status has arrived.
type Piece struct {
	Text  string `json:"text"` // Latin-1: each character is the byte of that number
	Times int    `json:"times"`
	After int    `json:"after"`
}

func (p Piece) bytes() []byte {
	var b []byte
	for _, r := range p.Text {
		b = append(b, byte(r))
	}
	return bytes.Repeat(b, max(p.Times, 1))
}

// Parse reads the vectors as netserve --vectors prints them.
func Parse(raw []byte) ([]Vector, error) {
	var file struct {
		Vectors []Vector `json:"vectors"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("read vectors: %w", err)
	}
	if len(file.Vectors) == 0 {
		return nil, errors.New("read vectors: there are none")
	}
	return file.Vectors, nil
}

// Outcome is what one vector showed.
type Outcome struct {
	Vector  Vector
	Passed  bool
	Allowed bool   // passed by an answer that the RFC allows, other than ours
	Why     string // what was wrong
}

// Patience bounds the waits of one vector: Reply for an answer or a close that must come, Quiet
// for how long a connection that must stay open is watched.
type Patience struct{ Reply, Quiet time.Duration }

// inParallel is how many vectors are played at once: most of their time is waiting.
const inParallel = 24

// Run plays all vectors against addr. The outcomes have the order of the vectors.
func Run(addr string, vectors []Vector, patience Patience) []Outcome {
	outcomes := make([]Outcome, len(vectors))
	slots := make(chan struct{}, inParallel)
	var wg sync.WaitGroup
	for i, v := range vectors {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			outcomes[i] = Play(addr, v, patience)
		})
	}
	wg.Wait()
	return outcomes
}

// Play plays one vector on a connection of its own.
func Play(addr string, v Vector, patience Patience) Outcome {
	conn, err := net.DialTimeout("tcp", addr, patience.Reply)
	if err != nil {
		return Outcome{Vector: v, Why: fmt.Sprintf("connect: %v", err)}
	}
	defer conn.Close()
	heard := listen(conn, v.Methods)
	for _, piece := range v.Send {
		answered := func(e *ear) bool { return slices.Contains(e.statuses, piece.After) }
		if piece.After != 0 && !heard.wait(patience.Reply, answered) {
			break // the answer it waits for did not come: what did is judged
		}
		conn.SetWriteDeadline(time.Now().Add(patience.Reply))
		if _, err := conn.Write(piece.bytes()); err != nil {
			break // the server has hung up: what it said before is judged
		}
	}
	enough := len(v.Expect.Statuses)
	heard.wait(patience.Reply, func(e *ear) bool { return len(e.statuses) >= enough })
	if v.Expect.Close {
		heard.wait(patience.Reply, func(*ear) bool { return false })
	} else {
		heard.wait(patience.Quiet, func(*ear) bool { return false })
	}
	return heard.judge(v)
}

// ear collects what a server says.
type ear struct {
	mu       sync.Mutex
	changed  *sync.Cond
	raw      bytes.Buffer
	statuses []int
	bodies   []string
	closed   bool   // by the server
	fault    string // its output is no HTTP
}

func listen(conn net.Conn, methods []string) *ear {
	e := &ear{}
	e.changed = sync.NewCond(&e.mu)
	go e.hear(conn, methods)
	return e
}

// hear reads responses until the server closes, or says what is no HTTP.
func (e *ear) hear(conn net.Conn, methods []string) {
	in := bufio.NewReader(io.TeeReader(conn, lockedWriter{e}))
	final := 0
	for {
		if _, err := in.Peek(1); err != nil {
			e.note(func() { e.closed = !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) })
			return
		}
		method := http.MethodGet
		if final < len(methods) {
			method = methods[final]
		}
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			e.note(func() { e.fault = err.Error() })
			return
		}
		if resp.StatusCode >= 200 {
			final++
		}
		body, err := io.ReadAll(resp.Body)
		e.note(func() {
			e.statuses = append(e.statuses, resp.StatusCode)
			if resp.StatusCode >= 200 {
				e.bodies = append(e.bodies, string(body))
			}
			if err != nil {
				e.fault = fmt.Sprintf("body of response %d: %v", final, err)
			}
		})
	}
}

func (e *ear) note(change func()) {
	e.mu.Lock()
	change()
	e.mu.Unlock()
	e.changed.Broadcast()
}

// wait returns when done, when the conversation is over, or after the time; it says whether done.
func (e *ear) wait(within time.Duration, done func(*ear) bool) bool {
	late := false
	timer := time.AfterFunc(within, func() { e.note(func() { late = true }) })
	defer timer.Stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	for !done(e) && !e.closed && e.fault == "" && !late {
		e.changed.Wait()
	}
	return done(e)
}

func (e *ear) judge(v Vector) Outcome {
	e.mu.Lock()
	defer e.mu.Unlock()
	o := Outcome{Vector: v}
	if e.fault != "" {
		o.Why = "what came is no HTTP: " + e.fault
		return o
	}
	if !slices.Equal(e.statuses, v.Expect.Statuses) {
		o.Allowed = slices.ContainsFunc(v.Also, func(s []int) bool { return slices.Equal(s, e.statuses) })
		o.Passed = o.Allowed
		if !o.Passed {
			o.Why = fmt.Sprintf("statuses %v, want %v", e.statuses, v.Expect.Statuses)
		}
		return o
	}
	o.Why = e.details(v)
	o.Passed = o.Why == ""
	return o
}

// details checks what goes beyond the statuses; "" if all is well.
func (e *ear) details(v Vector) string {
	switch {
	case v.Expect.Close && !e.closed:
		return "the connection stays open, want it closed"
	case !v.Expect.Close && e.closed:
		return "the connection was closed, want it open"
	}
	for i, want := range v.Expect.Bodies {
		if i >= len(e.bodies) || e.bodies[i] != latin1(want) {
			return fmt.Sprintf("body %d differs from %q", i+1, want)
		}
	}
	for _, want := range v.Expect.Contains {
		if !strings.Contains(e.raw.String(), latin1(want)) {
			return fmt.Sprintf("the reply lacks %q", want)
		}
	}
	for _, not := range v.Expect.Lacks {
		if strings.Contains(e.raw.String(), latin1(not)) {
			return fmt.Sprintf("the reply contains %q", not)
		}
	}
	return ""
}

func latin1(s string) string { return string(Piece{Text: s}.bytes()) }

// lockedWriter keeps what was read, for the checks of the raw reply.
type lockedWriter struct{ e *ear }

func (w lockedWriter) Write(p []byte) (int, error) {
	w.e.mu.Lock()
	defer w.e.mu.Unlock()
	return w.e.raw.Write(p)
}
