package exercise

// solution18 returns what picks a backend; open says how many requests each has at the moment. The
// one with the fewest is the next: a slow one has many, and so gets few.
func solution18() (pick func(open []int) int) {
	return func(open []int) int {
		best := 0
		for b, n := range open {
			if n < open[best] {
				best = b
			}
		}
		return best
	}
}
