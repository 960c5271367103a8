package exercise

import (
	"fmt"
	"slices"
)

// check16 resends messages whose confirmation was lost, and one that was lost itself.
func check16(open func() (accept func(number uint64) bool)) error {
	accept := open()
	var got []uint64
	for _, number := range []uint64{1, 2, 2, 3, 1, 5, 3, 4, 5, 6, 6, 6} {
		if accept(number) {
			got = append(got, number)
		}
	}
	if want := []uint64{1, 2, 3, 5, 4, 6}; !slices.Equal(got, want) {
		return fmt.Errorf("took %d; want %d", got, want)
	}
	return nil
}
