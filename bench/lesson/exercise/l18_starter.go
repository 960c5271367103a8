package exercise

// starter18 returns what picks a backend; open says how many requests each has at the moment.
func starter18() (pick func(open []int) int) {
	next := -1
	return func(open []int) int {
		next = (next + 1) % len(open)
		return next
	}
}
