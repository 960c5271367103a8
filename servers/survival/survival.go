// Package survival plays faults against the servers, each in a process of its own.
//
// Package servertest looks at a model from inside its process, which is where a lost byte or a
// leaked descriptor is easiest to see. Here the program itself is the subject, as an operator
// meets it: netserve with its flags, its limits, its signals and its log. What is asked is
// coarser, too: does it live, does it serve others meanwhile, does it give back what it took,
// and does it still stop when it is told to?
//
//	Faults ──▶ Play ──▶ netserve (one process per model, protocol and fault)
//	                ──▶ peers: they reset, stall, drip, swarm, send rubbish
//	                ──▶ Result: tried, survived, figures, what was broken
//	Results ─▶ Tables ─▶ SURVIVAL.md
//
// The tests play a small round. SURVIVAL=full plays the large one, and with -update writes
// SURVIVAL.md from what happened. A library that cannot survive a fault is listed with the
// reason, and its count stands in the table like any other.
package survival

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Fault is one way to treat a server badly.
type Fault struct {
	Name   string
	Says   string   // what is done, and what counts as survived, in one line
	Protos []string // protocols it is played with; nil: echo and http
	Flags  []string // of netserve, besides model, protocol and address
	Env    []string // of netserve, besides ours
	NoFile int      // limit of open files of netserve; 0: ours
	Cases  []string // clauses of servertest whose declared limit explains a failure
	Ends   bool     // Run ends the server itself
	Load   bool     // in the large round it takes the whole machine, and measures
	// PerProcess: what is bounded is bounded in each process, so a model of several plays with one.
	PerProcess bool
	// Run plays the peers. It counts with Crowd or Count, and returns what was broken.
	Run func(*Trial) error
}

// Faults returns all of them, in the order of the table.
func Faults() []Fault {
	var all []Fault
	for _, group := range [][]Fault{
		resetFaults(), crowdFaults(), limitFaults(), frameFaults(), hostileFaults(), lifeFaults(),
	} {
		all = append(all, group...)
	}
	return all
}

// protocols lists what the servers speak, in the order of the tables.
func protocols() []string { return []string{"echo", "http", "frame"} }

// asks reports whether f is played with a protocol. To frames it is if it says so: they are as
// long as their answers, and what a model does with bytes is asked with echo.
func (f Fault) asks(protocol string) bool {
	if f.Protos == nil {
		return protocol != "frame"
	}
	return slices.Contains(f.Protos, protocol)
}

// protos returns the protocols with which r plays f against m. In the small round one will do;
// servertest has asked the rest.
func (r *Round) protos(m Model, f Fault) []string {
	var all []string
	for _, p := range m.Protocols {
		if f.asks(p) {
			all = append(all, p)
		}
	}
	if !r.Full && len(all) > 1 {
		all = all[len(all)-1:]
	}
	return all
}

// Trial is one fault being played against one server.
type Trial struct {
	*Server
	*Round
	Proto string

	fault Fault
	ends  time.Time // of everything the peers do

	mu       sync.Mutex
	tried    int
	survived int
	figures  []Figure
	nextFrom int
}

// Figure is something that was measured on the way. Figures are reported, not judged.
type Figure struct {
	Name  string // with its unit
	Value float64
}

// Result is one cell of the table.
type Result struct {
	Model, Proto, Fault string
	Tried, Survived     int
	Figures             []Figure
	Known               string // why the model could not help what was broken, if it says so
	Err                 error  // what was broken; nil if all went well
}

// Failed reports whether something was broken that nobody has declared.
func (r Result) Failed() bool { return r.Err != nil && r.Known == "" }

// trialTime bounds what the peers of one fault do; the large round has larger crowds.
const (
	trialTime     = 30 * time.Second
	trialTimeFull = 2 * time.Minute
)

// Round is what all trials have in common.
type Round struct {
	Netserve string // path of the program
	Full     bool   // large crowds

	// Turn is held by whoever puts load on the machine, or takes most of this process's
	// descriptors. It is used in the large round only.
	Turn sync.Locker
}

// Play starts m with protocol p, plays f, and judges what is the same for every fault: the
// server serves again, has given back its sockets, says nothing terrible on stderr, and stops.
func (r *Round) Play(m Model, p string, f Fault) Result {
	res := Result{Model: m.Name, Proto: p, Fault: f.Name}
	srv, err := r.Start(m, p, f)
	if err != nil {
		res.Err = err
		return res
	}
	defer srv.Kill()
	t := &Trial{Server: srv, Round: r, Proto: p, fault: f}
	t.moreTime()
	if res.Err = t.play(); res.Err != nil {
		res.Known = m.excuse(f, res.Err)
	}
	res.Tried, res.Survived, res.Figures = t.tried, t.survived, t.figures
	return res
}

func (t *Trial) play() error {
	if err := t.Served(); err != nil { // it also brings up what a library starts late
		return fmt.Errorf("before anything was done: %w", err)
	}
	before := -1
	if err := t.until(func() (err error) { before, err = t.settled(before); return err }); err != nil {
		return err
	}
	err := t.fault.Run(t)
	t.moreTime()
	if t.fault.Ends {
		return errors.Join(err, t.calm())
	}
	if again := t.until(t.Served); again != nil {
		err = errors.Join(err, fmt.Errorf("afterwards a new connection is not served: %w", again))
	}
	err = errors.Join(err, t.until(func() error {
		if n, err := t.Sockets(); err != nil || n > before {
			return fmt.Errorf("it has %d sockets afterwards, %d before (%v)", n, before, err)
		}
		return nil
	}))
	return errors.Join(err, t.Stop(), t.calm())
}

// moreTime starts the trial's time anew.
func (t *Trial) moreTime() {
	t.ends = time.Now().Add(trialTime)
	if t.Full {
		t.ends = time.Now().Add(trialTimeFull)
	}
}

// settled counts the server's sockets, and returns an error until two counts agree: the first
// connection is still on its way out.
func (t *Trial) settled(last int) (int, error) {
	n, err := t.Sockets()
	if err == nil && n != last {
		err = errors.New("the number of its sockets keeps changing")
	}
	return n, err
}

// calm judges what the server wrote: no crash, and nothing that could command a terminal.
func (t *Trial) calm() error {
	text := t.Stderr()
	for _, bad := range []string{"panic", "fatal error", "unexpected fault", "goroutine 1 ["} {
		if strings.Contains(text, bad) {
			return fmt.Errorf("its stderr mentions %q: %.2000q", bad, text)
		}
	}
	for i, c := range text {
		if c == utf8.RuneError || (c != '\n' && !unicode.IsPrint(c)) {
			return fmt.Errorf("its stderr holds %U: %.400q", c, text[max(0, i-100):])
		}
	}
	if lines, most := strings.Count(text, "\n"), 10+int(t.Age()/time.Second); t.fault.NoFile > 0 && lines > most {
		return fmt.Errorf("%d lines on stderr in %v; want at most one a second", lines, t.Age())
	}
	return nil
}

// N is the size of a crowd: the full one or the small one.
func (r *Round) N(full, small int) int {
	if r.Full {
		return full
	}
	return small
}

// atOnce is how many peers of a crowd are there at the same time.
const atOnce = 32

// Crowd lets n peers act, some at a time, and counts those that return nil as survived.
func (t *Trial) Crowd(n int, peer func(i int) error) error {
	return t.crowd(n, min(n, atOnce), peer)
}

// Together is Crowd with all n peers at the same time.
func (t *Trial) Together(n int, peer func(i int) error) error { return t.crowd(n, n, peer) }

func (t *Trial) crowd(n, workers int, peer func(i int) error) error {
	next := make(chan int)
	var first error
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range next {
				err := peer(i)
				t.Count(1, err == nil)
				if err != nil {
					t.mu.Lock()
					if first == nil {
						first = fmt.Errorf("peer %d of %d: %w", i+1, n, err)
					}
					t.mu.Unlock()
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	return first
}

// Count adds n things that were tried, and survived or not.
func (t *Trial) Count(n int, survived bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tried += n
	if survived {
		t.survived += n
	}
}

// Record keeps a figure.
func (t *Trial) Record(name string, value float64) {
	t.figures = append(t.figures, Figure{name, value})
}

// until polls cond until it is nil or the trial's time is up, and returns its last error.
func (t *Trial) until(cond func() error) error { return poll(t.ends, cond) }

func poll(end time.Time, cond func() error) error {
	for ; ; time.Sleep(2 * time.Millisecond) {
		if err := cond(); err == nil || time.Now().After(end) {
			return err
		}
	}
}
