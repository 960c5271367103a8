package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/bench/gate/probe"
	"iomodels/bench/proc"
	"iomodels/bench/stats"
)

// Subject is a server to be counted.
type Subject struct {
	Program              string // built with the probe
	Model, Proto         string
	ServerCPU, ClientCPU int
}

// Counts holds what was counted of one server.
type Counts struct {
	Values  map[string][]float64 // by the name of the metric, a value per repetition
	Missing map[string]string    // why a metric could not be counted
}

// Effort is the size of the experiments.
type Effort struct {
	Repetitions   int // at least; more as long as they do not confirm each other
	Most          int // repetitions; 0: no more than Repetitions
	Steps         int // lockstep requests
	Rounds        int // bursts
	AllocRequests int // between two looks at the allocations; twice as many between the next two
	Few, Many     int // connections held when memory is looked at
}

// Usual is large enough that a constant of a few calls is below half of what is tolerated,
// and small enough for a few seconds on a quiet machine. So many connections, because the first of
// them fill memory that a process has anyway, about 170 KiB: of 512 B each, a thousand show 340.
func Usual() Effort {
	return Effort{Repetitions: 3, Most: 8, Steps: 500, Rounds: 50, AllocRequests: 1000, Few: 300, Many: 3300}
}

const (
	beat        = time.Millisecond // of lockstep: it leaves a server time to go to sleep
	frozen      = 64               // connections of a burst
	messageSize = 64
)

// Count counts servers by turns: each repetition and each experiment with a fresh process. It takes
// some seconds. By turns, because a machine that grows slow while it counts must do so for all of
// them; in turned order, because it may grow slow for long. Repetitions that do not confirm each other
// are followed by more of every server, up to the most, so that none has more tries than another. An
// error means that a server does not work; what merely cannot be counted here is in Missing.
func Count(ctx context.Context, effort Effort, subjects ...Subject) ([]Counts, error) {
	all := make([]Counts, len(subjects))
	order := make([]int, len(subjects))
	for i := range all {
		all[i], order[i] = Counts{Values: map[string][]float64{}, Missing: map[string]string{}}, i
	}
	wavers := func() bool { return slices.ContainsFunc(all, func(c Counts) bool { return !c.steady() }) }
	for n := 0; n < effort.Repetitions || n < effort.Most && wavers(); n++ {
		for _, i := range order {
			if err := all[i].repeat(ctx, subjects[i], effort); err != nil {
				return all, fmt.Errorf("count %s of %s: %w", subjects[i].Model, subjects[i].Program, err)
			}
		}
		slices.Reverse(order)
	}
	return all, nil
}

// repeat adds one repetition.
func (c *Counts) repeat(ctx context.Context, s Subject, effort Effort) error {
	for _, e := range []struct {
		metric string
		run    func(context.Context, Subject, Effort) (map[string]float64, error)
	}{
		{Lockstep, countLockstep},
		{Burst, countBurst},
		{Allocs, countMemory},
	} {
		values, err := e.run(ctx, s, effort)
		var cannot *cannotCount
		switch {
		case errors.As(err, &cannot):
			c.Missing[e.metric] = err.Error()
		case err != nil:
			return err
		}
		for name, v := range values {
			c.Values[name] = append(c.Values[name], v)
		}
	}
	return nil
}

// steady reports whether every metric is confirmed.
func (c Counts) steady() bool {
	for metric, values := range c.Values {
		if figure, doubt := settle(metric, values); doubt > Limit(metric, figure) {
			return false
		}
	}
	return true
}

// settle makes one figure of the repetitions of a build, and says by how much it is in doubt. What
// disturbs a count only ever adds to it: a step that took so long that the server went to sleep once
// more. So the figure is the least, and the next one confirms it. Memory is disturbed either way:
// there it is the middle, and the doubt is how far they lie apart.
func settle(metric string, values []float64) (figure, doubt float64) {
	s := slices.Sorted(slices.Values(values))
	switch {
	case metric == Bytes:
		return stats.Median(values, stats.Level).Value, s[len(s)-1] - s[0]
	case len(s) == 1:
		return s[0], 0
	}
	return s[0], s[1] - s[0]
}

// cannotCount says that this machine does not let us count.
type cannotCount struct{ err error }

func (e *cannotCount) Error() string { return e.err.Error() }

func countLockstep(ctx context.Context, s Subject, effort Effort) (map[string]float64, error) {
	return counted(ctx, s, Lockstep, 1, effort.Steps, func(c *client, pid, share int) error {
		return c.lockstep(pid, effort.Steps/share, beat)
	})
}

func countBurst(ctx context.Context, s Subject, effort Effort) (map[string]float64, error) {
	return counted(ctx, s, Burst, frozen, frozen*effort.Rounds, func(c *client, pid, share int) error {
		return c.burst(pid, effort.Rounds/share)
	})
}

// counted runs a load twice: a tenth of it to warm up, then whole, with the system calls of
// the server counted.
func counted(
	ctx context.Context, s Subject, metric string, conns, requests int,
	load func(c *client, pid, share int) error,
) (map[string]float64, error) {
	counter, err := proc.NewCounter()
	if err != nil {
		return nil, &cannotCount{err}
	}
	counter.Filter = filter()
	defer counter.Close()
	var calls uint64
	err = against(ctx, s, counter, conns, func(server *proc.Server, c *client) error {
		if err := load(c, server.Pid(), 10); err != nil {
			return err
		}
		if err := counter.Enable(); err != nil {
			return &cannotCount{err}
		}
		if err := load(c, server.Pid(), 1); err != nil {
			return err
		}
		calls, err = counter.Stop()
		return err
	})
	if err != nil {
		return nil, err
	}
	return map[string]float64{metric: float64(calls) / float64(requests)}, nil
}

// countMemory counts allocations per request and resident bytes per connection. Twice as many
// requests between the second and third question as between the first and second: what a
// question itself allocates, and what it makes pools lose, is in both and cancels.
func countMemory(ctx context.Context, s Subject, effort Effort) (map[string]float64, error) {
	var out map[string]float64
	err := against(ctx, s, nil, 1, func(server *proc.Server, c *client) error {
		var mallocs [3]float64
		some := effort.AllocRequests
		for i, n := range []int{some / 2, some, 2 * some} {
			if err := c.lockstep(0, n, 0); err != nil {
				return err
			}
			answer, err := ask(server, i+1)
			if err != nil {
				return err
			}
			mallocs[i] = float64(answer.Mallocs)
		}
		perConn, err := bytesPerConn(server, c, effort)
		if err != nil {
			return err
		}
		perRequest := (mallocs[2] - mallocs[1] - (mallocs[1] - mallocs[0])) / float64(some)
		out = map[string]float64{Allocs: max(perRequest, 0), Bytes: perConn}
		return nil
	})
	return out, err
}

// bytesPerConn holds few, then many connections, each of which has had one reply, and looks at
// the memory that stays after collection.
func bytesPerConn(server *proc.Server, like *client, effort Effort) (float64, error) {
	var rss [2]int64
	var held []*client
	defer func() {
		for _, c := range held {
			_ = c.close() // a descriptor of ours that is open can be closed
		}
	}()
	addr, err := netip.ParseAddrPort(server.Addr)
	if err != nil {
		return 0, fmt.Errorf("address of server: %w", err)
	}
	for i, n := range []int{effort.Few, effort.Many - effort.Few} {
		c, err := dial(addr, n, like.request)
		if err != nil {
			return 0, err
		}
		held = append(held, c)
		c.reply = like.reply
		for _, fd := range c.fds {
			if err := errors.Join(c.send(fd), c.receive(fd)); err != nil {
				return 0, err
			}
		}
		if _, err := ask(server, 4+i); err != nil {
			return 0, err
		}
		memory, err := proc.ReadMemory(server.PIDs...)
		if err != nil {
			return 0, err
		}
		rss[i] = memory.RSS
	}
	return float64(rss[1]-rss[0]) / float64(effort.Many-effort.Few), nil
}

// against starts the server on its CPU, and runs do on a thread that is alone on its own CPU.
func against(
	ctx context.Context, s Subject, counter *proc.Counter, conns int, do func(*proc.Server, *client) error,
) error {
	server, err := proc.Serve(ctx, proc.ServerSpec{
		Program: s.Program, Model: s.Model, Proto: s.Proto, CPUs: []int{s.ServerCPU}, Count: counter,
		ReadyWithin: 10 * time.Second,
	})
	if err != nil {
		return err
	}
	defer server.Stop(patience)
	if len(server.PIDs) > 1 {
		return &cannotCount{errors.New("several processes: they cannot be frozen, or asked, as one")}
	}
	addr, err := netip.ParseAddrPort(server.Addr)
	if err != nil {
		return fmt.Errorf("address of server: %w", err)
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread dies with its affinity
		result <- errors.Join(pin(s.ClientCPU), withClient(addr, conns, s.Proto, func(c *client) error {
			return do(server, c)
		}))
	}()
	if err := <-result; err != nil {
		return errors.New(proc.WithTail(err.Error(), server.Tail()))
	}
	return ctx.Err()
}

func withClient(addr netip.AddrPort, conns int, proto string, do func(*client) error) error {
	c, err := dial(addr, conns, request(proto))
	if err != nil {
		return err
	}
	if err := c.learn(); err != nil {
		return errors.Join(err, c.close())
	}
	return errors.Join(do(c), c.close())
}

func request(proto string) []byte {
	if proto == "http" {
		return []byte("GET / HTTP/1.1\r\nHost: gate\r\n\r\n")
	}
	return []byte(strings.Repeat("g", messageSize))
}

func pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	return os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(0, &set))
}

// ask puts the nth question to the probe, and waits for its answer.
func ask(server *proc.Server, nth int) (probe.GateAnswer, error) {
	if err := unix.Kill(server.Pid(), unix.SIGUSR2); err != nil {
		return probe.GateAnswer{}, os.NewSyscallError("kill", err)
	}
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(time.Millisecond) {
		for line := range strings.Lines(server.Tail()) {
			var answer probe.GateAnswer
			if json.Unmarshal([]byte(line), &answer) == nil && answer.Gate == nth {
				return answer, nil
			}
		}
	}
	return probe.GateAnswer{}, fmt.Errorf("the probe did not answer question %d", nth)
}
