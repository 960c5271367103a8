package offload

import "sync"

// Returns is the way back from workers to the loop that sent the work: many put, one takes. The
// zero value is empty. Whoever puts must wake the loop afterwards.
type Returns[T any] struct {
	taken []T // the other half of a double buffer: a batch allocates nothing

	mu   sync.Mutex
	done []T
}

// Put hands v over. Any goroutine may call it.
func (r *Returns[T]) Put(v T) {
	r.mu.Lock()
	r.done = append(r.done, v)
	r.mu.Unlock()
}

// Take returns what was put since the last call, in order. The slice is valid until the next.
func (r *Returns[T]) Take() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.taken) // else what a burst has borrowed would be held until there is another as large
	r.done, r.taken = r.taken[:0], r.done
	return r.taken
}
