// Package offload runs protocol sessions on a bounded pool of workers, so that a handler that
// blocks or burns CPU does not hold up the loop that read its request.
//
// # Idea
//
// A loop serves many connections; a handler that takes 200 ms makes all of them wait 200 ms.
// With offloading the loop only reads and writes. The whole Feed runs in a worker, and its
// result comes back to the loop:
//
//	loop                          pool                     worker
//	 │ read ──▶ Submit(job) ──▶ [queue] ──▶ session.Feed(job.Out, job.In)
//	 │ (other connections)                          │
//	 │ ◀── Done(job): list + Wake ──────────────────┘
//	 │ write
//
// While its job is out, a connection neither reads nor writes, and its session belongs to the
// worker. So a connection has at most one job out, replies stay in order, and the queue is
// bounded by the number of connections without a limit of its own: Submit never blocks.
//
// # What it costs
//
// Two hand-overs between threads per request, about the price of a small request itself. It
// pays only for handlers that take clearly longer; that is why it is off by default.
package offload

import (
	"sync"
	"time"

	"iomodels/servers/probe"
	"iomodels/servers/proto"
)

// Job is one Feed. The submitter owns it, except between Submit and Done. Reuse jobs: then a
// request allocates nothing.
type Job struct {
	Session proto.Session
	In      []byte        // what to feed; must stay unchanged until Done
	Out     []byte        // where output is appended; afterwards the output
	Verdict proto.Verdict // what the session said
	// Done is called when the job is finished: on the worker, so it must be short and safe for
	// other goroutines. Do does not need it.
	Done func(*Job)
	// Panic is what the session panicked with, else nil. Out is then empty and Verdict is
	// Close: one broken connection must not end the server.
	Panic any

	next     *Job          // in the pool's queue,
	since    time.Duration // and there since then, by the pool's clock
	finished chan struct{} // for Do; made once
}

// Run feeds the session here and now. It is what a worker does, and what a model without
// offloading does in place.
func (j *Job) Run() {
	done := false
	defer func() {
		if !done { // recover is worth asking only then
			j.Panic, j.Out, j.Verdict = recover(), j.Out[:0], proto.Close
		}
	}()
	if j.Panic != nil {
		j.Panic = nil // of the last run
	}
	if probe.On {
		probe.Note(probe.Begin, -1, len(j.In), "")
		defer func() { probe.Note(probe.End, -1, len(j.Out), "") }()
	}
	j.Out, j.Verdict = j.Session.Feed(j.Out, j.In)
	done = true
}

// Pool is a fixed number of workers and one queue, first come first served.
type Pool struct {
	mu      sync.Mutex
	some    sync.Cond // the queue is not empty, or closed
	head    *Job
	tail    *Job
	closed  bool
	workers sync.WaitGroup

	begin time.Time
	depth int   // of the queue
	stats Stats // but for Lifetime
}

// New starts a pool; workers must be at least 1. Close it when every submitter is done.
func New(workers int) *Pool {
	p := &Pool{begin: time.Now()}
	p.some.L = &p.mu
	p.stats.Workers = workers
	for range workers {
		p.workers.Go(p.work)
	}
	return p
}

// Submit queues j and returns at once. After Close the job is not run; see Close.
func (p *Pool) Submit(j *Job) {
	j.since = time.Since(p.begin)
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		j.abandon()
		return
	}
	if p.head == nil {
		p.head = j
	} else {
		p.tail.next = j
	}
	p.tail = j
	p.depth++
	p.stats.Deepest = max(p.stats.Deepest, p.depth)
	p.mu.Unlock()
	p.some.Signal()
}

// Do runs j in the pool and waits for it: for models whose connection has a thread or a
// goroutine of its own, which limit their handlers without limiting their connections.
func (p *Pool) Do(j *Job) {
	if j.finished == nil {
		j.finished = make(chan struct{}, 1)
		j.Done = func(j *Job) { j.finished <- struct{}{} }
	}
	p.Submit(j)
	<-j.finished
}

// Close lets the running jobs finish and waits for the workers. Jobs still queued, and those
// submitted later, are not run: they are done at once, without output, with the verdict Close.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	queued := p.head
	p.head, p.tail, p.depth = nil, nil, 0
	p.mu.Unlock()
	p.some.Broadcast()
	for queued != nil {
		j := queued
		queued, j.next = j.next, nil
		j.abandon()
	}
	p.workers.Wait()
}

func (j *Job) abandon() {
	j.Out, j.Verdict, j.Panic = j.Out[:0], proto.Close, nil
	j.Done(j)
}

func (p *Pool) work() {
	for j := p.take(); j != nil; j = p.take() {
		j.Run()
		j.Done(j)
	}
}

// take waits for the next job; nil means closed.
func (p *Pool) take() *Job {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.head == nil && !p.closed {
		p.some.Wait()
	}
	j := p.head
	if j != nil {
		p.head, j.next = j.next, nil
		p.depth--
		waited := time.Since(p.begin) - j.since
		p.stats.Jobs++
		p.stats.Waited += waited
		p.stats.Longest = max(p.stats.Longest, waited)
	}
	return j
}
