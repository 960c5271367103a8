package exercise

import "iomodels/bench/trace"

// starter09 returns the number of the event at which the goroutine that found nothing to read is
// parked; -1 if there is none. The layer of such events is "go", their verb "park".
func starter09(events []trace.Event) int {
	for i, e := range events {
		if e.Verb == "park" {
			return i
		}
	}
	return -1
}
