package exercise

import "time"

// starter17 returns how long each request took.
func starter17(requests []request17) (took []time.Duration) {
	for _, r := range requests {
		took = append(took, r.answered-r.sent)
	}
	return took
}
