package survival

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
)

// frameFaults are about messages whose length the peer says.
func frameFaults() []Fault {
	return []Fault{
		{
			Name: "limit-frame", Protos: []string{"frame"}, Flags: []string{"--max-frame", bodyLimit},
			Says: "a frame beyond --max-frame: what came before it is answered, then the connection is closed in good order",
			Run:  (*Trial).frameTooLarge,
		},
		{
			Name: "silent-frame", Protos: []string{"frame"}, Flags: []string{"--write-timeout", patience},
			Says: "a frame that stops half-way: closed by --write-timeout",
			Run:  func(t *Trial) error { return t.silent("\x00\x00\x00\x0ahalf") },
		},
	}
}

// frameTooLarge goes on sending, so that a server that closed at once would answer with RST.
func (t *Trial) frameTooLarge() error {
	return t.Crowd(t.N(100, 4), func(int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		good, bad := framed(random(1000)), framed(random(1001))
		if _, err := c.Write(slices.Concat(good, bad, random(100_000))); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		got := make([]byte, len(good))
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, good) {
			return fmt.Errorf("the frame before it came back with %v, equal: %v", err, bytes.Equal(got, good))
		}
		return wantFIN(bufio.NewReader(c))
	})
}
