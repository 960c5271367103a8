package exercise

import (
	"errors"
	"fmt"
	"time"
)

// check13 has a request that takes until the other one is answered. deliver is not safe for
// several goroutines: only the loop may call it.
func check13(loop func(requests <-chan func() string, deliver func(answer string))) error {
	over, fast := make(chan struct{}), make(chan struct{})
	requests := make(chan func() string, 2)
	requests <- func() string { <-over; return "slow" }
	requests <- func() string { return "fast" }
	close(requests)
	var got []string
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		loop(requests, func(answer string) {
			if got = append(got, answer); answer == "fast" {
				close(fast)
			}
		})
	}()
	var err error
	select {
	case <-fast:
	case <-time.After(patience):
		err = errors.New("the fast request waits for the slow one")
	}
	close(over)
	<-ended
	if len(got) != 2 {
		err = errors.Join(err, fmt.Errorf("answers: %q", got))
	}
	return err
}
