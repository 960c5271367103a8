package engine

// none ends a queue.
const none = -1

// link ties an element of a slab into a queue.
type link struct{ next, prev int32 }

// queue is a FIFO of slab indexes with removal from the middle, all in constant time. Queues
// over one slab share its links, so an element is in one of them at most. Connects need no
// timer wheel: with one constant limit, the order of starting is the order of expiring.
type queue struct {
	links      []link
	head, tail int32
	len        int
}

func newQueue(links []link) queue { return queue{links: links, head: none, tail: none} }

func (q *queue) push(i int32) {
	q.links[i] = link{next: none, prev: q.tail}
	if q.tail == none {
		q.head = i
	} else {
		q.links[q.tail].next = i
	}
	q.tail = i
	q.len++
}

func (q *queue) remove(i int32) {
	at := q.links[i]
	if at.prev == none {
		q.head = at.next
	} else {
		q.links[at.prev].next = at.next
	}
	if at.next == none {
		q.tail = at.prev
	} else {
		q.links[at.next].prev = at.prev
	}
	q.len--
}

// pop takes the oldest element. The queue must not be empty.
func (q *queue) pop() int32 {
	i := q.head
	q.remove(i)
	return i
}
