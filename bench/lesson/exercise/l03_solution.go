package exercise

// solution03 says how many workers to start; lately is how many were started in the last minute.
func solution03(alive, want, lately int) int {
	return max(min(want-alive, want-lately), 0)
}
