package survival

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// hostileFaults are about bytes that mean harm.
func hostileFaults() []Fault {
	return []Fault{
		{
			Name: "hostile-bytes", Protos: []string{"http"}, Flags: []string{"--verbose"}, Run: (*Trial).hostileBytes,
			Says: "TLS, HTTP/2, noise, NULs, endless lines, escapes: refused or ended; nothing raw in answer or log",
		},
		{
			Name: "noise", Protos: []string{"echo"}, Flags: []string{"--verbose"}, Run: (*Trial).noise,
			Says: "noise comes back as noise, and none of it reaches the log",
		},
		{
			Name: "pipeline-flood", Protos: []string{"http"}, Run: (*Trial).pipelineFlood,
			Says: "a thousand requests in one write are answered, each, in order",
		},
	}
}

// escape would clear a terminal, and markup would run in a page.
const escape, markup = "\x1b[2J\x1b]0;owned\x07", "<script>owned()</script>"

// hostile returns what is sent in hostileBytes, round i.
func hostile(i int) []byte {
	noise := make([]byte, 64<<10)
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(i))
	rand.NewChaCha8(seed).Read(noise)
	samples := []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + string(noise[:500]), // a TLS ClientHello
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00",
		string(noise),
		strings.Repeat("\x00", 32<<10),
		strings.Repeat("A", 1<<20), // a line without end
		strings.Repeat("\r\n", 50_000),
		"GET /" + escape + " HTTP/1.1\r\nHost: x\r\n\r\n",
		escape + " / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n" + escape + ": " + escape + "\r\n\r\n",
		"GET / HTTP/" + escape + "\r\nHost: " + escape + "\r\n\r\n",
		"GET /" + markup + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + markup + "\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + markup + "\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + escape + "\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nExpect: " + escape + "\r\n\r\n",
	}
	return []byte(samples[i%len(samples)])
}

func (t *Trial) hostileBytes() error {
	return t.Crowd(t.N(320, 32), func(i int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		bytesOut := hostile(i)
		go func() { // it may be refused long before all is sent
			_, _ = c.Write(bytesOut)
			_ = c.CloseWrite()
		}()
		var got bytes.Buffer
		if err := ended(teeConn{c, &got}); err != nil {
			return fmt.Errorf("sample %d: %w", i, err)
		}
		if got.Len() > 0 && !bytes.HasPrefix(got.Bytes(), []byte("HTTP/1.1 ")) {
			return fmt.Errorf("sample %d: answered %.40q", i, got.Bytes())
		}
		for _, raw := range []string{"\x1b", "<script"} {
			if bytes.Contains(got.Bytes(), []byte(raw)) {
				return fmt.Errorf("sample %d: the answer repeats %q: %.300q", i, raw, got.Bytes())
			}
		}
		return t.Served()
	})
}

func (t *Trial) noise() error {
	return t.Crowd(t.N(100, 8), func(int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := io.WriteString(c, escape); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if _, err := io.CopyN(io.Discard, c, int64(len(escape))); err != nil {
			return fmt.Errorf("echo: %w", err)
		}
		return echo(c, random(10_000))
	})
}

func (t *Trial) pipelineFlood() error {
	const requests = 1000
	return t.Crowd(t.N(20, 2), func(int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		var flood strings.Builder
		for i := range requests {
			fmt.Fprintf(&flood, "GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n", 100+i)
		}
		go func() { _, _ = io.WriteString(c, flood.String()) }() // the reader learns of a failure
		return inOrder(c, requests)
	})
}
