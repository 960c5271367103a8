package exercise

// starter02 decides whether one more connection may have a thread.
func starter02(serving, threads int) bool {
	return true
}
