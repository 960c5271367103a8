package loadgen

import (
	"bufio"
	"bytes"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/loadgen/engine"
)

// phaseRamp is the phase of an interval before the load begins.
const phaseRamp = "ramp"

// rampInterval is the longest tick while connections are opened: the ramp is short.
const rampInterval = 100 * time.Millisecond

// answerWithin is how long a loop has to hand its interval over, in ns.
const answerWithin = int64(50 * time.Millisecond)

func (r *run) tickLength() int64 {
	if r.phase == phaseRamp {
		return int64(min(r.plan.Interval, rampInterval))
	}
	return int64(r.plan.Interval)
}

// cut ends a tick: it asks every loop for its interval, and merges them. A loop answers within
// its longest wait. If one does not (it was stopped, or got no processor), the tick goes on until
// the next: an interval without that loop's counts would be a notch in every chart, and the next
// one a peak. Only at the edge of a part there is no going on.
func (r *run) cut(edge bool) {
	now := r.clock.Now()
	if now-r.lastCut < int64(time.Millisecond) {
		return
	}
	for _, l := range r.loops { // one may have answered the last tick too late
		r.take(l)
	}
	tick := r.control.Tick.Add(1)
	r.lastCut = now
	answered := 0
	for _, l := range r.loops {
		for l.Live().Acked.Load() < tick && r.clock.Now() < now+answerWithin {
			r.pause(r.clock.Now()+answerWithin/200, false)
		}
		if r.take(l) {
			answered++
		}
	}
	if edge || answered == len(r.loops) {
		r.record(now)
	}
}

// take adds what a loop has handed over, and reports whether it has. A second time adds nothing.
func (r *run) take(l *engine.Loop) bool {
	acked := l.Live().Acked.Load()
	if acked < r.control.Tick.Load() {
		return false
	}
	r.merged.Add(l.Interval())
	l.Interval().Reset()
	if acked == engine.Ended {
		r.merged.Add(l.LastInterval())
		l.LastInterval().Reset()
	}
	return true
}

// lastInterval takes what the loops counted after the last tick. They have ended.
func (r *run) lastInterval() {
	for _, l := range r.loops {
		r.take(l)
	}
	r.record(r.clock.Now())
}

// record ends an interval. How many connections are open is what the loops last published, which
// holds for a loop that stands still, too. A loop may be done, and have closed them, before the
// conductor gets to the end of the measured part: that part ended with them open.
func (r *run) record(now int64) {
	open, _, _ := r.count()
	for _, l := range r.loops {
		if r.phase != PhaseDrain && l.Live().Acked.Load() == engine.Ended {
			open = max(open, r.open)
		}
	}
	r.open = open
	i := Interval{
		AtS: float64(now-r.began) / 1e9, Phase: r.phase,
		OK: r.merged.OK, Errors: r.merged.Errors, Opened: r.merged.Opened, Open: int(open),
		P50: r.merged.Response.Quantile(0.5), P99: r.merged.Response.Quantile(0.99), MaxLag: r.merged.MaxLag,
	}
	if r.share != nil {
		r.share.interval(i, now, r.merged)
	}
	r.merged.Reset()
	r.intervals = append(r.intervals, i)
	if r.opt.Progress != nil {
		r.opt.Progress(i)
	}
}

// usage is what the program has cost so far, and what the machine took from it.
type usage struct {
	at        int64 // CLOCK_MONOTONIC
	cpu       int64 // ns, all threads
	delay     int64 // ns its threads waited for a processor
	user, sys float64
	threads   map[int]threadUsage
	gcs       int64
	gcPause   time.Duration
	steal     float64 // s, whole machine
}

type threadUsage struct{ cpu, delay int64 }

// usage reads the counters. What cannot be read stays zero: a figure is missing then, and the
// run is not worth less.
func (r *run) usage() usage {
	u := usage{at: r.clock.Now(), threads: map[int]threadUsage{}}
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		t := threadUsage{cpu: threadCPU(tid), delay: runDelay(task.Name())}
		u.threads[tid] = t
		u.cpu += t.cpu
		u.delay += t.delay
	}
	var self unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &self) == nil {
		u.user, u.sys = float64(self.Utime.Nano())/1e9, float64(self.Stime.Nano())/1e9
	}
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	u.gcs, u.gcPause = gc.NumGC, gc.PauseTotal
	u.steal = steal()
	return u
}

// threadCPU reads the scheduler's account of a thread, in ns. The same figure stands in
// schedstat, but there it is up to a tick old while the thread runs.
func threadCPU(tid int) int64 {
	const perThread, scheduled = 4, 2
	var ts unix.Timespec
	if unix.ClockGettime(int32(^tid<<3|perThread|scheduled), &ts) != nil {
		return 0
	}
	return ts.Nano()
}

// runDelay reads how long a thread was ready to run and had to wait, in ns.
func runDelay(tid string) int64 {
	text, err := os.ReadFile("/proc/self/task/" + tid + "/schedstat")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	ns, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return ns
}

// steal reads how long the hypervisor ran others while this machine was ready, in seconds.
func steal() float64 {
	const column, perSecond = 8, 100 // proc_stat(5); USER_HZ is 100 on every Linux
	f, err := os.Open("/proc/stat")
	if err != nil {
		return 0
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadBytes('\n')
	fields := bytes.Fields(line)
	if len(fields) <= column {
		return 0
	}
	ticks, _ := strconv.ParseFloat(string(fields[column]), 64)
	return ticks / perSecond
}

// busiest returns the CPU and the run delay of the loops that had most of it, in ns.
func (r *run) busiest() (cpu, delay int64) {
	for _, l := range r.loops {
		tid := int(l.Live().Thread.Load())
		cpu = max(cpu, r.to.threads[tid].cpu-r.from.threads[tid].cpu)
		delay = max(delay, r.to.threads[tid].delay-r.from.threads[tid].delay)
	}
	return cpu, delay
}

func percent(part, whole float64) float64 {
	if whole == 0 || math.IsNaN(part) {
		return 0
	}
	return 100 * part / whole
}
