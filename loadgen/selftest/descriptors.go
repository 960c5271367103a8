package selftest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/loadgen/conns"
)

// growth is what opening many sockets in a fresh process showed.
type growth struct {
	Longest int64 `json:"longest_ns"` // of all socket calls
	Steps   []int `json:"steps"`      // descriptors whose socket call took 2 ms or more
}

// stepFloor is what a socket call takes only when the table is copied: some ten microseconds is usual.
const stepFloor = 2 * time.Millisecond

// OpenSockets opens n sockets and prints, as JSON, how long that took. It needs a fresh process:
// a descriptor table only grows once. grow: make room for all of them beforehand.
func OpenSockets(out io.Writer, n int, grow bool) error {
	var wait sync.WaitGroup
	done := make(chan struct{})
	defer func() { close(done); wait.Wait() }()
	wait.Go(func() { <-done }) // the Go runtime has several threads; so the table is shared
	if grow {
		if err := conns.PregrowFDs(n + 64); err != nil {
			return err
		}
	}
	var g growth
	for range n {
		from := time.Now()
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		took := time.Since(from)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		g.Longest = max(g.Longest, int64(took))
		if took >= stepFloor {
			g.Steps = append(g.Steps, fd)
		}
	}
	return json.NewEncoder(out).Encode(g) // the sockets end with the process
}

// powers reports how many of the descriptors are those at which a table doubles.
func (g growth) powers() (n int) {
	for _, fd := range g.Steps {
		if fd >= 64 && fd&(fd-1) == 0 {
			n++
		}
	}
	return n
}

func descriptorTable(t *Trial) error {
	if t.lab.Program == nil {
		return errAlone
	}
	const sockets, processes = 5000, 3
	var steps [2][]float64
	var longest [2][]float64
	for range processes {
		for i, grow := range []bool{false, true} {
			g, err := t.growth(sockets, grow)
			if err != nil {
				return err
			}
			steps[i] = append(steps[i], float64(g.powers()))
			longest[i] = append(longest[i], ms(float64(g.Longest)))
		}
	}
	for i := range steps {
		slices.Sort(steps[i])
		slices.Sort(longest[i])
	}
	median := func(v []float64) float64 { return percentile(v, 0.5) }
	t.least("not grown: steps of 2 ms or more at powers of two", "", 3, median(steps[0]))
	t.least("not grown: longest socket call", " ms", 2, median(longest[0]))
	t.most("grown: steps at powers of two", "", 0, median(steps[1]), noise{})
	t.most("grown: longest socket call", " ms", 2, median(longest[1]), noise{q: 1, times: 1, unit: 1e6})
	return nil
}

func (t *Trial) growth(sockets int, grow bool) (g growth, err error) {
	out, err := t.lab.Program("open-sockets", strconv.Itoa(sockets), strconv.FormatBool(grow)).Output()
	if err != nil {
		return g, fmt.Errorf("open sockets in another process: %w", err)
	}
	if err := json.Unmarshal(out, &g); err != nil {
		return g, fmt.Errorf("open sockets in another process: %w", err)
	}
	return g, nil
}
