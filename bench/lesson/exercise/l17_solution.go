package exercise

import "time"

// solution17 returns how long each request took, for somebody who wanted it when it was due.
func solution17(requests []request17) (took []time.Duration) {
	for _, r := range requests {
		took = append(took, r.answered-r.due)
	}
	return took
}
