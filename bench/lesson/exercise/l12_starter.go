package exercise

import "iomodels/bench/trace"

// starter12 says on which threads a request was read and answered, and whether that was the loop.
// Reading is read, readv or recvfrom; writing is write, sendmsg or sendto.
func starter12(events []trace.Event) (l lanes12) {
	loop := events[0].TID
	return lanes12{read: loop, wrote: loop, onLoop: true}
}
