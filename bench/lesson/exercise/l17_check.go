package exercise

import (
	"fmt"
	"slices"
	"time"
)

// request17 is when a request was due, sent and answered, since the beginning.
type request17 struct{ due, sent, answered time.Duration }

// check17 has a server that stalls once, for ten requests.
func check17(latencies func([]request17) []time.Duration) error {
	const pace, stall = 10 * time.Millisecond, 100 * time.Millisecond
	var plan []request17
	free := time.Duration(0) // when the client may send again
	for i := range 100 {
		r := request17{due: time.Duration(i) * pace}
		r.sent = max(r.due, free)
		r.answered = r.sent + time.Microsecond
		if i == 50 {
			r.answered = r.sent + stall
		}
		free = r.answered
		plan = append(plan, r)
	}
	got := latencies(plan)
	if len(got) != len(plan) {
		return fmt.Errorf("%d latencies for %d requests", len(got), len(plan))
	}
	slices.Sort(got)
	if p99 := got[98]; p99 < stall/2 {
		return fmt.Errorf("the 99th percentile is %v, with a stall of %v", p99, stall)
	}
	if p50 := got[49]; p50 > time.Millisecond {
		return fmt.Errorf("the median is %v: most were not delayed", p50)
	}
	return nil
}
