package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"iomodels/loadgen/engine"
)

// never is a time that does not come.
const never = math.MaxInt64

// processes is a run that is spread over several, because one may not have enough descriptors.
//
//	Run ─┬─ plan, process 0 ─▶ Share ─▶ connected ─┐            ┌─▶ phases, intervals, outcome ─┐
//	     ├─ plan, process 1 ─▶ Share ─▶ connected ─┼─ start at ─┼─▶                             ├─▶ Summary
//	     └─ ...                                    ┘            └─▶                             ┘
//
// They share a clock, CLOCK_MONOTONIC, and are told once when the load begins. Nothing passes
// between them while it lasts but a line per tick. One that dies takes the run with it: a part of
// the load is not the load.
type processes struct {
	*run
	all    []*process
	events chan event
	series *series
	phases map[string]*PhaseEvent // by name: the latest time, and the sum of replies
	came   map[string]int         // processes that have announced it
	alive  int                    // have neither reported an outcome nor died
	whole  *outcome
	broken error
}

type process struct {
	cmd   *exec.Cmd
	to    io.WriteCloser // orders
	write *json.Encoder
	words lastWords // standard error
}

// event is a report of a process, or its end.
type event struct {
	proc  int
	said  report
	ended bool
	err   error // of ended
}

// spreadHeadStart is the time from telling the processes to the start of the load: all of them
// must have read it, on a machine where they wait for each other.
const spreadHeadStart = int64(250 * time.Millisecond)

// spread carries out a plan with several processes.
func spread(ctx context.Context, plan Plan, opt RunOptions) (Summary, error) {
	if opt.Share == nil {
		return Summary{}, fmt.Errorf("%d connections need %d processes, and this program starts none",
			plan.Conns+plan.Idle, plan.Procs)
	}
	clock, err := engine.NewClock()
	if err != nil {
		return Summary{}, err
	}
	p := &processes{
		run:    &run{plan: plan, opt: opt, clock: clock, began: clock.Now()},
		events: make(chan event), phases: map[string]*PhaseEvent{}, came: map[string]int{},
		series: newSeries(plan.Procs, int64(plan.Interval), clock.Now()),
	}
	if p.before, err = look(); err != nil {
		return Summary{}, err
	}
	for i := range plan.Procs {
		if err := p.start(i); err != nil {
			p.broken = err
			break
		}
	}
	p.serve(ctx)
	if p.broken != nil {
		return Summary{}, p.broken
	}
	return p.summary(p.whole), nil
}

// start starts process i. It gets a process group of its own: Ctrl-C at the terminal is for this
// process to pass on.
func (p *processes) start(i int) error {
	c := &process{cmd: p.opt.Share()}
	c.cmd.Stderr = &c.words
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start process %d: %w", i, err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start process %d: %w", i, err)
	}
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("start process %d: %w", i, err)
	}
	c.to, c.write = in, json.NewEncoder(in)
	p.all = append(p.all, c)
	p.alive++
	go c.listen(i, out, p.events)
	return c.write.Encode(&portion{Plan: p.plan, Proc: i})
}

// listen passes on what a process reports, and how it ends.
func (c *process) listen(i int, out io.Reader, events chan<- event) {
	reports := json.NewDecoder(out)
	for {
		var r report
		if reports.Decode(&r) != nil {
			break
		}
		events <- event{proc: i, said: r}
	}
	_, _ = io.Copy(io.Discard, out) // all of it must be read before Wait
	events <- event{proc: i, ended: true, err: c.cmd.Wait()}
}

// serve listens to the processes until all have ended.
func (p *processes) serve(ctx context.Context) {
	stop := ctx.Done()
	if p.broken != nil {
		p.kill()
	}
	for running := len(p.all); running > 0; {
		select {
		case <-stop:
			stop = nil
			p.tell(order{Stop: true})
		case e := <-p.events:
			if e.ended {
				running--
				p.bury(e)
				continue
			}
			p.hear(e)
		}
	}
}

// hear acts on a report.
func (p *processes) hear(e event) {
	switch r := e.said; {
	case r.Phase != nil:
		p.announce(*r.Phase)
		p.begin()
	case r.Interval != nil:
		p.series.add(e.proc, *r.Interval)
	case r.Outcome != nil:
		p.alive--
		p.series.end(e.proc)
		if p.whole == nil {
			p.whole = r.Outcome
		} else {
			p.whole.add(r.Outcome)
		}
		p.begin() // the others may have waited for this one
	}
	for _, i := range p.series.merged() {
		p.intervals = append(p.intervals, i)
		if p.opt.Progress != nil {
			p.opt.Progress(i)
		}
	}
}

// announce tells the caller that a phase has begun, when it has in every process.
func (p *processes) announce(e PhaseEvent) {
	sum := p.phases[e.Phase]
	if sum == nil {
		sum = &PhaseEvent{Phase: e.Phase}
		p.phases[e.Phase] = sum
	}
	sum.AtNS = max(sum.AtNS, e.AtNS)
	sum.OK += e.OK
	p.came[e.Phase]++
	if p.came[e.Phase] < len(p.all) {
		return
	}
	if e.Phase == PhaseDrain {
		p.loaded, _ = look()
	}
	if p.opt.Phase != nil {
		p.opt.Phase(*sum)
	}
}

// begin tells the processes when the load begins, once, when all that are left are connected.
func (p *processes) begin() {
	if p.control.Start.Load() != 0 || p.alive == 0 || p.came[PhaseConnected] < p.alive {
		return
	}
	p.whenOpen, _ = look()
	start := p.clock.Now() + int64(p.plan.Settle) + spreadHeadStart
	p.control.Start.Store(start)
	p.tell(order{Start: start})
}

// tell gives an order to all. One that has ended does not hear it; why is learnt by other ways.
func (p *processes) tell(o order) {
	for _, c := range p.all {
		_ = c.write.Encode(o)
	}
}

// bury takes note of the end of a process. Without an outcome from each there is no result, so
// the others are stopped.
func (p *processes) bury(e event) {
	c := p.all[e.proc]
	c.to.Close()
	if p.series.ended[e.proc] || p.broken != nil {
		return
	}
	why := e.err
	if why == nil {
		why = errors.New("it ended without a result")
	}
	p.broken = fmt.Errorf("process %d of %d: %w: %s", e.proc+1, len(p.all), why, c.words.String())
	p.kill()
}

func (p *processes) kill() {
	for _, c := range p.all {
		_ = c.cmd.Process.Kill() // an error means that it has ended already
	}
}

// lastWords keeps the end of what a process says to people.
type lastWords struct{ text []byte }

func (w *lastWords) Write(b []byte) (int, error) {
	const kept = 4 << 10
	w.text = append(w.text, b...)
	w.text = w.text[max(len(w.text)-kept, 0):]
	return len(b), nil
}

func (w *lastWords) String() string {
	if s := strings.TrimSpace(string(w.text)); s != "" {
		return s
	}
	return "it said nothing"
}
