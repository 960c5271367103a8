package exercise

import (
	"errors"
	"time"
)

// patience is how long a check waits for what must happen.
const patience = 500 * time.Millisecond

// check01 has two connections. The first one's request takes until the second one is answered.
func check01(serve func(accept func() (handle func(), ok bool))) error {
	answered, over := make(chan struct{}), make(chan struct{})
	handles := make(chan func(), 2)
	handles <- func() { <-over }
	handles <- func() { close(answered) }
	close(handles)
	ended := make(chan struct{})
	go func() {
		serve(func() (func(), bool) { h, ok := <-handles; return h, ok })
		close(ended)
	}()
	var err error
	select {
	case <-answered:
	case <-time.After(patience):
		err = errors.New("the second client waits for the first one's answer")
	}
	close(over)
	<-ended
	return err
}
