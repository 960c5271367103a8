package exercise

// starter03 says how many workers to start; lately is how many were started in the last minute.
func starter03(alive, want, lately int) int {
	return want - alive
}
