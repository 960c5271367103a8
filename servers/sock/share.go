package sock

import (
	"net"

	"golang.org/x/sys/unix"
)

// ListenLoops opens n listeners on one address, one for each loop; the kernel spreads new
// connections over them. With reusePort other processes of the same server may have theirs on it,
// too. The caller closes the descriptors. See Listen for the rest.
func ListenLoops(addr string, n int, reusePort, nonblock bool) (fds []int, bound *net.TCPAddr, err error) {
	if !reusePort {
		// A shared address would be shared with any other server of ours too, and each would get
		// half of the other's connections. So first find out whether anybody is there.
		fd, bound, err := Listen(addr, false, nonblock)
		if err != nil {
			return nil, nil, err
		}
		if n == 1 {
			return []int{fd}, bound, nil
		}
		unix.Close(fd)
	}
	for range n {
		fd, at, err := Listen(addr, true, nonblock)
		if err != nil {
			for _, fd := range fds {
				unix.Close(fd)
			}
			return nil, nil, err
		}
		fds, bound, addr = append(fds, fd), at, at.String() // the first finds the port for all
	}
	return fds, bound, nil
}
