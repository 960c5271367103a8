package exercise

type late11 struct {
	free [][]byte
	lent map[int][]byte
}

func solution11(buffers int) lender11 {
	l := &late11{lent: map[int][]byte{}}
	for range buffers {
		l.free = append(l.free, make([]byte, 4096))
	}
	return l
}

// Submit lends nothing: there is nothing to put into it yet.
func (l *late11) Submit(conn int) {}

func (l *late11) Arrive(conn int) []byte {
	n := len(l.free)
	if n == 0 {
		return nil
	}
	l.lent[conn], l.free = l.free[n-1], l.free[:n-1]
	return l.lent[conn]
}

func (l *late11) Done(conn int) {
	l.free = append(l.free, l.lent[conn])
	delete(l.lent, conn)
}

func (l *late11) Held() int { return len(l.lent) }
