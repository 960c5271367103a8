// Package pending keeps the operations that the kernel has, and finds them again when it tells
// of one.
//
// The kernel gives back one word of ours with each completion, user_data. A pointer in it would
// be the shortest way, and wrong twice: the garbage collector does not look there, and a
// completion that comes after its time would be followed to whatever is there by then. So it is
// a place in a table, and a token that tells a submission from all that had the place before:
//
//	 63            32 31 30                1      0
//	┌────────────────┬──┬───────────────────┬──────┐
//	│ token          │ q│ descriptor        │ sends│      q: a quiet send
//	└────────────────┴──┴───────────────────┴──────┘
//
// One operation of each direction may be pending at a descriptor, so the place says it all.
package pending

import "iomodels/servers/proactor"

// Marks of an operation.
const (
	Closing uint8 = 1 << iota // its descriptor is to be closed after it
	Quietly                   // only its failure is reported
)

const quietBit = 1 << 31 // descriptors need 30 bits at most

// Table holds the pending operations of one ring. The zero value is an empty one.
type Table struct {
	Count int // of operations

	ops   [2][]*proactor.Op // by direction and descriptor: an idle connection sends nothing
	token uint32            // of the latest submission
}

// sends is the direction of an operation.
func sends(op *proactor.Op) uint32 {
	if op.Kind >= proactor.Send {
		return 1
	}
	return 0
}

// Add makes op findable by the completions of a new submission: with a new token, and unmarked.
func (t *Table) Add(op *proactor.Op) {
	at := t.place(op)
	if *at == nil {
		t.Count++
	} else if *at != op {
		panic("uring: two operations of one direction on one descriptor")
	}
	if t.token++; t.token == 0 { // 0 is the token of entries that nobody waits for
		t.token = 1
	}
	op.Token, op.Mark = t.token, 0
	*at = op
}

// place is where op belongs. Tables grow in large steps, so that they leave little behind. They
// are copied and not appended to: memory that is not used yet stays untouched, and costs nothing.
func (t *Table) place(op *proactor.Op) **proactor.Op {
	ops := &t.ops[sends(op)]
	if n := int(op.FD); n >= len(*ops) {
		grown := make([]*proactor.Op, max(4*len(*ops), n+1))
		copy(grown, *ops)
		*ops = grown
	}
	return &(*ops)[op.FD]
}

// Remove ends the interest in op, and reports whether its descriptor is to be closed now: that
// was asked for, and nothing else is pending on it.
func (t *Table) Remove(op *proactor.Op) (closeNow bool) {
	t.ops[sends(op)][op.FD] = nil
	t.Count--
	if op.Mark&Closing == 0 {
		return false
	}
	in, out := t.On(int(op.FD))
	return in == nil && out == nil
}

// Find returns the operation that a completion is about; nil: it has completed before.
func (t *Table) Find(userData uint64) *proactor.Op {
	at := uint32(userData &^ quietBit)
	if ops := t.ops[at&1]; at>>1 < uint32(len(ops)) {
		if op := ops[at>>1]; op != nil && op.Token == uint32(userData>>32) {
			return op
		}
	}
	return nil
}

// On returns what is pending on a descriptor, by direction; nil: nothing.
func (t *Table) On(fd int) (in, out *proactor.Op) {
	if fd < len(t.ops[0]) {
		in = t.ops[0][fd]
	}
	if fd < len(t.ops[1]) {
		out = t.ops[1][fd]
	}
	return in, out
}

// UserData is the word by which Find finds op. That of a quiet send shows what it is, so that
// those who look for failures among many completions need not look each of them up.
func UserData(op *proactor.Op) uint64 {
	d := uint64(op.Token)<<32 | uint64(op.FD)<<1 | uint64(sends(op))
	if op.Mark&Quietly != 0 {
		d |= quietBit
	}
	return d
}

// IsQuiet reports whether a completion is that of a quiet send.
func IsQuiet(userData uint64) bool { return userData&quietBit != 0 }
