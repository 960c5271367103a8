package engine

import "math/bits"

// backlog holds the due times of requests that wait for a connection, in a ring: entry n & mask
// belongs to request n of the schedule. Who took a request out of turn (pinned) keeps account
// of that; the ring only remembers when it was due.
type backlog struct {
	due     []int64
	mask    uint64
	head    uint64 // any-idle: the oldest request that waits
	tail    uint64 // one past the newest request that became due
	pending int    // requests that wait
}

// newBacklog makes a ring for at least n requests.
func newBacklog(n int) backlog {
	size := 1 << bits.Len(uint(max(n, 2)-1))
	return backlog{due: make([]int64, size), mask: uint64(size - 1)}
}

// add lets the next request of the schedule wait.
func (b *backlog) add(due int64) {
	b.due[b.tail&b.mask] = due
	b.tail++
	b.pending++
}

// skip passes over the next request of the schedule: it need not wait. Only while none waits.
func (b *backlog) skip() {
	b.tail++
	b.head = b.tail
}

// take removes the oldest request that waits.
func (b *backlog) take() (n uint64, due int64) {
	n = b.head
	b.head++
	b.pending--
	return n, b.at(n)
}

// full reports whether another add would overwrite one that waits.
func (b *backlog) full() bool { return b.pending == len(b.due) }

// at returns when request n was due; n must be one of the newest len(due).
func (b *backlog) at(n uint64) int64 { return b.due[n&b.mask] }

// overwritten returns the request whose due time the next add overwrites.
func (b *backlog) overwritten() (n uint64, ok bool) {
	size := uint64(len(b.due))
	return b.tail - size, b.tail >= size
}
