package conns

// NarrowPorts leaves the dialer only the n local ports from low on, which must lie in the
// machine's range, so that running out of ports can be tried with a handful of connections.
func (d *Dialer) NarrowPorts(low, n int) {
	d.portRange = uint32(low+n-1)<<16 | uint32(low)
}
