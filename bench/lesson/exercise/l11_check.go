package exercise

import (
	"errors"
	"fmt"
)

// lender11 lends buffers of a pool. Submit: a receive is pending on the connection. Arrive: bytes
// are there; the buffer to put them into, nil if none is free. Done: the handler has returned.
type lender11 interface {
	Submit(conn int)
	Arrive(conn int) []byte
	Done(conn int)
	Held() int // buffers that are not in the pool
}

func check11(open func(buffers int) lender11) error {
	l := open(2)
	for conn := range 100 {
		l.Submit(conn)
	}
	if n := l.Held(); n > 0 {
		return fmt.Errorf("silent connections hold %d buffers", n)
	}
	for conn := range 50 { // one after the other
		if l.Arrive(conn) == nil {
			return fmt.Errorf("connection %d gets no buffer", conn)
		}
		l.Done(conn)
	}
	if l.Arrive(50) == nil || l.Arrive(51) == nil || l.Arrive(52) != nil || l.Held() != 2 {
		return errors.New("two buffers are lent to two connections, and no more")
	}
	l.Done(50)
	if l.Arrive(52) == nil {
		return errors.New("a buffer that came back is not lent again")
	}
	return nil
}
