package pending

import "iomodels/servers/proactor"

// Quiet is the queue of sends whose success the kernel does not report: each has succeeded if
// the kernel has taken its entry and said nothing. The zero value is an empty queue.
type Quiet struct{ sends []quietSend }

type quietSend struct {
	op    *proactor.Op
	token uint32 // of the submission
	entry uint32 // how many entries were prepared, with its own
}

// Add marks op as quiet and remembers it. prepared is the number of entries so far, op's included.
func (q *Quiet) Add(op *proactor.Op, prepared uint32) {
	op.Mark |= Quietly
	q.sends = append(q.sends, quietSend{op, op.Token, prepared})
}

// Len is how many sends are remembered.
func (q *Quiet) Len() int { return len(q.sends) }

// Taken returns how many of them, oldest first, are among the entries that the kernel has taken.
// Counts of entries wrap around.
func (q *Quiet) Taken(entries uint32) (n int) {
	for n < len(q.sends) && int32(entries-q.sends[n].entry) >= 0 {
		n++
	}
	return n
}

// At returns the operation of a remembered send; nil: it has completed in the meantime.
func (q *Quiet) At(i int) *proactor.Op {
	s := q.sends[i]
	if !s.op.Pending || s.op.Token != s.token {
		return nil
	}
	return s.op
}

// Forget forgets the n oldest.
func (q *Quiet) Forget(n int) { q.sends = q.sends[:copy(q.sends, q.sends[n:])] }
