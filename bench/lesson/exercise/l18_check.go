package exercise

import (
	"fmt"
	"slices"
)

// check18 lets a request come each tick, to three backends of which one takes twenty times as long.
func check18(open func() (pick func(open []int) int)) error {
	pick := open()
	takes := []int{2, 40, 2}
	ends := make([][]int, len(takes)) // when the requests of a backend will be done; it does one at a time
	var waits []int
	for now := range 600 {
		loads := make([]int, len(takes))
		for b := range ends {
			ends[b] = slices.DeleteFunc(ends[b], func(end int) bool { return end <= now })
			loads[b] = len(ends[b])
		}
		b := pick(loads)
		if b < 0 || b >= len(takes) {
			return fmt.Errorf("there is no backend %d", b)
		}
		begin := now
		if n := len(ends[b]); n > 0 {
			begin = ends[b][n-1]
		}
		ends[b] = append(ends[b], begin+takes[b])
		waits = append(waits, begin+takes[b]-now)
	}
	slices.Sort(waits)
	if p99 := waits[len(waits)*99/100]; p99 > 150 {
		return fmt.Errorf("the 99th percentile is %d ticks", p99)
	}
	return nil
}
