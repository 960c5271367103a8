package offload_test

import (
	"sync"
	"testing"

	"go.uber.org/goleak"

	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// session is a Session made of a function.
type session func(out, in []byte) ([]byte, proto.Verdict)

func (s session) Feed(out, in []byte) ([]byte, proto.Verdict) { return s(out, in) }
func (session) Phase() proto.Phase                            { return proto.Idle }

func echo(out, in []byte) ([]byte, proto.Verdict) { return append(out, in...), proto.Again }

func TestSubmitRunsTheWholeFeed(t *testing.T) {
	pool := offload.New(2)
	defer pool.Close()
	done := make(chan *offload.Job)
	job := &offload.Job{
		Session: session(echo), In: []byte("in"), Out: []byte("before "),
		Done: func(j *offload.Job) { done <- j },
	}
	pool.Submit(job)
	if got := <-done; got != job || string(job.Out) != "before in" || job.Verdict != proto.Again {
		t.Errorf("job came back as %q, %v", job.Out, job.Verdict)
	}
}

// One worker, which waits: Submit must return nevertheless, and the order must be kept.
func TestSubmitNeverBlocksAndKeepsOrder(t *testing.T) {
	const jobs = 1000
	pool := offload.New(1)
	release := make(chan struct{})
	order := make(chan byte, jobs)
	blocked := session(func(out, in []byte) ([]byte, proto.Verdict) {
		<-release
		return out, proto.Continue
	})
	pool.Submit(&offload.Job{Session: blocked, Done: func(*offload.Job) {}})
	for i := range jobs {
		pool.Submit(&offload.Job{
			Session: session(echo), In: []byte{byte(i)},
			Done: func(j *offload.Job) { order <- j.Out[0] },
		})
	}
	close(release)
	for i := range jobs {
		if got := <-order; got != byte(i) {
			t.Fatalf("job %d came %d-th", got, byte(i))
		}
	}
	pool.Close()
}

func TestWorkersRunAtOnce(t *testing.T) {
	const workers = 4
	pool := offload.New(workers)
	defer pool.Close()
	var meeting sync.WaitGroup // passed only when all workers are inside a Feed together
	meeting.Add(workers)
	var done sync.WaitGroup
	for range workers {
		done.Add(1)
		pool.Submit(&offload.Job{
			Done: func(*offload.Job) { done.Done() },
			Session: session(func(out, in []byte) ([]byte, proto.Verdict) {
				meeting.Done()
				meeting.Wait()
				return out, proto.Continue
			}),
		})
	}
	done.Wait()
}

func TestDoWaits(t *testing.T) {
	pool := offload.New(2)
	defer pool.Close()
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			job := offload.Job{Session: session(echo)}
			for n := range 200 {
				job.In, job.Out = []byte{byte(i), byte(n)}, job.Out[:0]
				pool.Do(&job)
				if string(job.Out) != string(job.In) {
					t.Errorf("Do returned before its job was done: %v, want %v", job.Out, job.In)
					return
				}
			}
		})
	}
	callers.Wait()
}

func TestPanicEndsTheConnectionNotTheServer(t *testing.T) {
	pool := offload.New(1)
	defer pool.Close()
	job := &offload.Job{
		In: []byte("x"), Out: []byte("before "),
		Session: session(func(out, in []byte) ([]byte, proto.Verdict) {
			_ = append(out, "half a reply"...)
			panic("broken handler")
		}),
	}
	pool.Do(job)
	if job.Panic != "broken handler" || len(job.Out) != 0 || job.Verdict != proto.Close {
		t.Errorf("after a panic: Panic %v, Out %q, Verdict %v", job.Panic, job.Out, job.Verdict)
	}
	job.Session = session(echo)
	pool.Do(job) // the worker has survived, and the job is as good as new
	if job.Panic != nil || string(job.Out) != "x" {
		t.Errorf("job after the panic: Panic %v, Out %q", job.Panic, job.Out)
	}
}

func TestCloseReturnsQueuedJobsUnrun(t *testing.T) {
	pool := offload.New(1)
	started, release := make(chan struct{}), make(chan struct{})
	results := make(chan proto.Verdict)
	submit := func(s session) {
		pool.Submit(&offload.Job{
			Session: s, Verdict: proto.Linger,
			Done: func(j *offload.Job) { results <- j.Verdict },
		})
	}
	mustNotRun := session(func(out, in []byte) ([]byte, proto.Verdict) {
		t.Error("a job ran after Close")
		return out, proto.Continue
	})
	submit(func(out, in []byte) ([]byte, proto.Verdict) {
		close(started)
		<-release
		return out, proto.Continue
	})
	<-started
	submit(mustNotRun)
	closed := make(chan struct{})
	go func() { pool.Close(); close(closed) }()
	if v := <-results; v != proto.Close {
		t.Errorf("queued job came back with verdict %v; want Close", v)
	}
	go submit(mustNotRun) // the pool is closed now; Done runs inside Submit
	if v := <-results; v != proto.Close {
		t.Errorf("late job came back with verdict %v; want Close", v)
	}
	select {
	case <-closed:
		t.Error("Close did not wait for the running job")
	default:
	}
	close(release)
	if v := <-results; v != proto.Continue {
		t.Errorf("running job came back with verdict %v; want its own", v)
	}
	<-closed
}

func TestAllocsPerRunOfJobs(t *testing.T) {
	pool := offload.New(1)
	defer pool.Close()
	job := &offload.Job{Session: session(echo), In: []byte("x")}
	if n := testing.AllocsPerRun(1000, func() { job.Out = job.Out[:0]; pool.Do(job) }); n != 0 {
		t.Errorf("%v allocations per job; want 0", n)
	}
}
