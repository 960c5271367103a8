package exercise

import (
	"fmt"

	"iomodels/bench/lab"
)

// check05 wants many idle descriptors to cost about what few cost.
func check05(watch func(fds []int) (wait func() (int, error), release func(), err error)) error {
	few, err := lab.OneReadyOf(10, watch)
	if err != nil {
		return err
	}
	many, err := lab.OneReadyOf(1000, watch)
	if err != nil {
		return err
	}
	if ratio := float64(many) / float64(few); ratio > 5 {
		return fmt.Errorf("a wait takes %.0f times as long with many idle descriptors", ratio)
	}
	return nil
}
