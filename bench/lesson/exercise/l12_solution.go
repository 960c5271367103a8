package exercise

import "iomodels/bench/trace"

// solution12 says on which threads a request was read and answered, and whether that was the loop.
// Reading is read, readv or recvfrom; writing is write, sendmsg or sendto.
func solution12(events []trace.Event) (l lanes12) {
	loop := 0
	for _, e := range events {
		switch e.Name {
		case "epoll_wait":
			loop = e.TID
		case "read", "readv", "recvfrom":
			l.read = e.TID
		case "write", "sendmsg", "sendto":
			l.wrote = e.TID
		}
	}
	l.onLoop = l.wrote == loop
	return l
}
