package guard

import (
	"log/slog"
	"sync"

	"iomodels/servers/offload"
)

// Thinker runs sessions for a library whose handlers may block: on their goroutine, or on a worker
// while that waits.
type Thinker struct {
	Pool *offload.Pool // nil: where Think is called
	Log  *slog.Logger

	jobs sync.Pool // of *offload.Job: output buffers, while a request is handled
}

// Job returns a job to be filled in. Give it back with Done.
func (t *Thinker) Job() *offload.Job {
	if job, ok := t.jobs.Get().(*offload.Job); ok {
		return job
	}
	return new(offload.Job)
}

// Done keeps a job for another request, unless it is large.
func (t *Thinker) Done(job *offload.Job) {
	job.Session, job.In = nil, nil
	if cap(job.Out) <= Scratch {
		t.jobs.Put(job)
	}
}

// Think runs the job and waits for it. The output is what this Feed said, and nothing before it.
func (t *Thinker) Think(job *offload.Job) {
	job.Out = job.Out[:0]
	if t.Pool != nil {
		t.Pool.Do(job)
	} else {
		job.Run()
	}
	if job.Panic != nil {
		t.Log.Error("a handler panicked; its connection is closed", "panic", job.Panic)
	}
}
