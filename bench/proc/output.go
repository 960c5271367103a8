package proc

import (
	"bytes"
	"strings"
	"sync"
)

// tailBytes is how much of a child's standard error is kept: the last words matter, and a
// child that logs in a loop must not fill the memory of the bench.
const tailBytes = 2 << 10

// tail is a writer that keeps the end of what was written.
type tail struct {
	mu   sync.Mutex
	data []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if over := len(t.data) - tailBytes; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.data))
}

// maxLine bounds a line of a child: what is longer is not a line of our programs.
const maxLine = 64 << 10

// lineWriter calls each with every whole line written to it, without the line feed. The line
// is valid during the call only.
type lineWriter struct {
	each    func(line []byte)
	partial []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		w.each(append(w.partial, p[:i]...))
		w.partial = w.partial[:0]
		p = p[i+1:]
	}
	if len(w.partial)+len(p) <= maxLine {
		w.partial = append(w.partial, p...)
	}
	return n, nil
}
