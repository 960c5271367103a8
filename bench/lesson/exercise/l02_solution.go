package exercise

// solution02 decides whether one more connection may have a thread. The runtime needs some: for
// the collector, for the monitor, for calls that block elsewhere.
func solution02(serving, threads int) bool {
	const reserve = 16
	return serving < threads-reserve
}
