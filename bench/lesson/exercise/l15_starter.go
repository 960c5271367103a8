package exercise

// starter15 chooses how workers get their connections. share: one listener for all, otherwise each
// has its own (SO_REUSEPORT). flags are added to EPOLLIN where the listener is registered.
func starter15() (share bool, flags uint32) {
	return true, 0
}
