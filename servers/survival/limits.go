package survival

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// A limit is tested as a user meets it: a flag, a peer that goes beyond, a status, then FIN.
const (
	lineLimit, headerLimit, countLimit, bodyLimit = "200", "500", "8", "1000"
	patience                                      = "300ms" // of the time-outs
)

// limitFaults are about peers that want more than they may have.
func limitFaults() []Fault {
	web := []string{"http"}
	size := func(name, flag, value, send string, status int) Fault {
		return Fault{
			Name: name, Protos: web, Flags: []string{flag, value},
			Says: fmt.Sprintf("beyond %s: %d, then the connection is closed in good order", flag, status),
			Run:  func(t *Trial) error { return t.refused(send, status) },
		}
	}
	get := "GET / HTTP/1.1\r\nHost: x\r\n"
	post := "POST /echo HTTP/1.1\r\nHost: x\r\n"
	long := strings.Repeat("x", 1500)
	return []Fault{
		size("limit-request-line", "--max-request-line", lineLimit, "GET /"+long+" HTTP/1.1\r\nHost: x\r\n\r\n",
			http.StatusRequestURITooLong),
		size("limit-header-bytes", "--max-header-bytes", headerLimit, get+"A: "+long+"\r\n\r\n",
			http.StatusRequestHeaderFieldsTooLarge),
		size("limit-header-count", "--max-headers", countLimit, get+strings.Repeat("A: b\r\n", 20)+"\r\n",
			http.StatusRequestHeaderFieldsTooLarge),
		size("limit-body", "--max-body", bodyLimit, post+"Content-Length: 1500\r\n\r\n"+long,
			http.StatusRequestEntityTooLarge),
		size("limit-chunked-body", "--max-body", bodyLimit,
			post+"Transfer-Encoding: chunked\r\n\r\n5dc\r\n"+long+"\r\n0\r\n\r\n", http.StatusRequestEntityTooLarge),
		{
			Name: "limit-connections", Flags: []string{"--max-conns", "10"}, Run: (*Trial).oneTooMany, PerProcess: true,
			Says: "beyond --max-conns: 503 (nothing in echo), then closed; when one leaves, one is let in",
		},
		{
			Name: "slowloris-head", Protos: web, Flags: []string{"--head-timeout", patience},
			Says: "a head that never ends, byte by byte: closed by --head-timeout, however busy it looks",
			Run:  func(t *Trial) error { return t.drips("GET / HTTP/1.1\r\nHost: x\r\nA: ") },
		},
		{
			Name: "slowloris-second", Protos: web, Flags: []string{"--head-timeout", patience},
			Says: "the same in the second request of a connection",
			Run:  func(t *Trial) error { return t.drips(hello + "GET / HTTP/1.1\r\nHost: x\r\nA: ") },
		},
		{
			Name: "slowloris-offload", Protos: web, Flags: []string{"--head-timeout", patience, "--offload", "2"},
			Says: "the same while workers look at every byte",
			Run:  func(t *Trial) error { return t.drips("GET / HTTP/1.1\r\nHost: x\r\nA: ") },
		},
		{
			Name: "silent-body", Protos: web, Flags: []string{"--write-timeout", patience},
			Says: "a body that stops half-way: closed by --write-timeout",
			Run:  func(t *Trial) error { return t.silent(post + "Content-Length: 10\r\n\r\n12345") },
		},
		{
			Name: "silent-idle", Flags: []string{"--idle-timeout", patience},
			Says: "a connection on which nothing is asked: closed by --idle-timeout",
			Run:  func(t *Trial) error { return t.silent("") },
		},
		{
			Name: "never-reads", Flags: []string{"--write-timeout", patience}, Run: (*Trial).neverRead,
			Says: "a peer that reads nothing of what it is owed: closed by --write-timeout",
		},
	}
}

func (t *Trial) refused(send string, status int) error {
	return t.Crowd(t.N(100, 4), func(int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := io.WriteString(c, send); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		r := bufio.NewReader(c)
		if err := answered(r, status); err != nil {
			return err
		}
		return wantFIN(r)
	})
}

func (t *Trial) oneTooMany() error {
	const bound = 10
	conns, release, err := t.DialAll(bound, t.Dial)
	if err != nil {
		return err
	}
	defer release()
	for _, c := range conns {
		if err := t.Exchange(c); err != nil {
			return fmt.Errorf("within the bound: %w", err)
		}
	}
	err = t.Crowd(t.N(100, 20), func(int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		told, err := io.ReadAll(c)
		want := ""
		if t.Proto == "http" {
			want = "HTTP/1.1 503 "
		}
		// More than it will linger for at one time may be closed without a word.
		if err != nil || !strings.HasPrefix(string(told), want) {
			return fmt.Errorf("the one too many was told %q, then %v; want %q", told, err, want)
		}
		return nil
	})
	conns[0].Close()
	return errors.Join(err, t.until(t.Served))
}

// drips wants head to be followed by a drip of bytes, and the connection to be closed.
func (t *Trial) drips(head string) error {
	return t.Together(t.N(500, 10), func(int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := io.WriteString(c, head); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return drip(c, 'x', 50*time.Millisecond)
	})
}

func (t *Trial) silent(begin string) error {
	return t.Together(t.N(500, 10), func(int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := io.WriteString(c, begin); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return ended(c)
	})
}

func (t *Trial) neverRead() error {
	before, err := t.Sockets()
	if err != nil {
		return err
	}
	n := t.N(50, 4)
	conns, release, err := t.DialAll(n, t.dialNarrow)
	if err != nil {
		return err
	}
	defer release()
	for _, c := range conns {
		go t.wantAndIgnore(c)
	}
	// What the kernel holds of the answer can be read long after the server has closed; so look
	// at the server's sockets.
	err = t.until(func() error {
		now, err := t.Sockets()
		if err == nil && now > before {
			err = fmt.Errorf("it still holds %d of %d connections", now-before, n)
		}
		return err
	})
	t.Count(n, err == nil)
	return err
}

// wantAndIgnore asks for more than any buffer holds, and reads nothing of it.
func (t *Trial) wantAndIgnore(c io.Writer) {
	if t.Proto == "http" {
		_, _ = io.WriteString(c, "GET /bytes/100000000 HTTP/1.1\r\nHost: x\r\n\r\n")
		return
	}
	piece := make([]byte, 1<<20)
	for range 100 {
		if _, err := c.Write(piece); err != nil {
			return // closed: what was wanted
		}
	}
}
