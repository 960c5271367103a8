package exercise

import "iomodels/bench/trace"

// solution09 returns the number of the event at which the goroutine that found nothing to read is
// parked; -1 if there is none. It is the first park of the thread whose read returned EAGAIN.
func solution09(events []trace.Event) int {
	reader := 0
	for i, e := range events {
		switch {
		case e.Name == "read" && e.Err == "EAGAIN":
			reader = e.TID
		case e.Layer == "go" && e.Verb == "park" && e.TID == reader && reader != 0:
			return i
		}
	}
	return -1
}
