// Package conns knows how connections are come by: what they cost in descriptors and ports,
// from which source address they leave, how fast they may be opened, and what it means when
// one cannot be opened.
//
//	Limits.Check   before the run: refuses a plan that must fail, naming the limit and the remedy
//	Dialer         one non-blocking connect, without allocation, from the next source address
//	Gate           how many connects may begin now: ramp, window, back-off
//	Failure        why a connect failed, as a class
package conns

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Failure is why a connection could not be opened, or was of no use.
type Failure uint8

// The failures. Their names are the classes under Connections.Failed of a Summary.
const (
	None        Failure = iota
	Refused             // nobody listens
	TimedOut            // no answer to the SYN within the plan's timeout
	Unreachable         // no route, or a firewall said no
	Ports               // no free local port on any source address
	Descriptors         // the process or the system has no descriptor left
	Memory              // the kernel has no memory for sockets
	Reset               // accepted and torn down before the connect was noticed
	Unsolicited         // the server sent bytes nobody asked for
	Fruitless           // closed by the server before it answered anything
	Other               // any other error of socket, bind or connect
	failures
)

// Failures is how many failures there are, for tables indexed by them.
const Failures = int(failures)

// String returns the class as it stands in a Summary.
func (f Failure) String() string {
	names := [failures]string{
		"none", "refused", "timeout", "unreachable", "ports", "descriptors", "memory", "reset",
		"unsolicited", "fruitless", "other",
	}
	if f < failures {
		return names[f]
	}
	return "failure-" + strconv.Itoa(int(f))
}

// FailureOf classifies the error of a connect.
func FailureOf(errno syscall.Errno) Failure {
	switch errno {
	case 0:
		return None
	case unix.ECONNREFUSED:
		return Refused
	case unix.ETIMEDOUT:
		return TimedOut
	case unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENETDOWN, unix.EHOSTDOWN, unix.EACCES, unix.EPERM:
		return Unreachable
	case unix.EADDRNOTAVAIL, unix.EADDRINUSE:
		return Ports
	case unix.EMFILE, unix.ENFILE:
		return Descriptors
	case unix.ENOMEM, unix.ENOBUFS:
		return Memory
	case unix.ECONNRESET, unix.EPIPE, unix.ECONNABORTED:
		return Reset
	}
	return Other
}
