package offload

import "iomodels/servers/proto"

// Call runs f on a worker and waits for it: for libraries that bring a protocol of their own, so
// that their handlers, too, can be limited without limiting connections. It returns what f
// panicked with, or nil. After Close f is not run.
func (p *Pool) Call(f func()) (panicked any) {
	job := Job{Session: call(f)}
	p.Do(&job)
	return job.Panic
}

// call is a session that only runs a function.
type call func()

func (f call) Feed(out, _ []byte) ([]byte, proto.Verdict) {
	f()
	return out, proto.Continue
}

func (call) Phase() proto.Phase { return proto.Idle }
