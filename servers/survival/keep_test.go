package survival

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"testing"
)

// kept is what earlier parts of a large round have found, in the file that SURVIVAL_KEEP names: a
// round takes half an hour, and one that was broken off, or met a fault that was mended since,
// goes on where it was. What failed is played again.
type kept struct {
	mu   sync.Mutex
	file *os.File // nil: nothing is kept
	done map[[3]string]Result
}

// line is a Result as it is kept.
type line struct {
	Result
	Err string `json:",omitempty"`
}

func keep(t *testing.T) *kept {
	t.Helper()
	k := &kept{done: map[[3]string]Result{}}
	name := os.Getenv("SURVIVAL_KEEP")
	if name == "" {
		return k
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	k.file = f
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue // the last line of a round that was killed
		}
		if l.Err != "" {
			l.Result.Err = errors.New(l.Err)
		}
		if !l.Failed() {
			k.done[[3]string{l.Model, l.Proto, l.Fault}] = l.Result
		}
	}
	return k
}

func (k *kept) find(m Model, proto string, f Fault) (Result, bool) {
	res, ok := k.done[[3]string{m.Name, proto, f.Name}]
	return res, ok
}

func (k *kept) add(t *testing.T, res Result) {
	if k.file == nil {
		return
	}
	l := line{Result: res}
	if res.Err != nil {
		l.Err = res.Err.Error()
	}
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, err := k.file.Write(append(text, '\n')); err != nil {
		t.Error(err)
	}
}
