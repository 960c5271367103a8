package exercise

// solution15 chooses how workers get their connections: each has a listener of its own, so nobody
// is woken for another's, and the kernel deals connections out.
func solution15() (share bool, flags uint32) {
	return false, 0
}
