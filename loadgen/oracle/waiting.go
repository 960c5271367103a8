package oracle

import "time"

// slab holds requests at fixed places. Places are used again, with their memory.
type slab struct {
	of    []request
	spare []int32
	size  int // bytes of a message
}

func newSlab(size int) slab { return slab{size: size} }

// take returns a place that is not in use.
func (s *slab) take() int32 {
	if n := len(s.spare); n > 0 {
		slot := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return slot
	}
	s.of = append(s.of, request{data: make([]byte, s.size)})
	return int32(len(s.of) - 1)
}

func (s *slab) give(slot int32) { s.spare = append(s.spare, slot) }

// entry is a reply that waits for its time.
type entry struct {
	at    time.Duration
	index uint64
	slot  int32
}

// before orders replies by time, and equal times by arrival.
func (e entry) before(o entry) bool { return e.at < o.at || e.at == o.at && e.index < o.index }

// heap is a binary heap: the reply that is due first is at the top.
type heap []entry

func (h *heap) push(e entry) {
	q := append(*h, e)
	i := len(q) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(q[parent]) {
			break
		}
		q[i] = q[parent]
		i = parent
	}
	q[i] = e
	*h = q
}

func (h *heap) pop() entry {
	q := *h
	top, e := q[0], q[len(q)-1]
	q = q[:len(q)-1]
	*h = q
	i := 0
	for len(q) > 0 {
		child := 2*i + 1
		if child+1 < len(q) && q[child+1].before(q[child]) {
			child++
		}
		if child >= len(q) || !q[child].before(e) {
			q[i] = e
			break
		}
		q[i] = q[child]
		i = child
	}
	return top
}
