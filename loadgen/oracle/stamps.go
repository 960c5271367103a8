package oracle

import (
	"encoding/binary"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel can say when a packet came and when it left. Between those two stamps lies what
// the client should measure, but for its own delays: from its write to the wire, and from the
// wire to its read. On loopback both ends' kernels are one, so the difference is the client's.

// askForStamps turns stamps on for a socket.
func askForStamps(fd int) error {
	const what = unix.SOF_TIMESTAMPING_SOFTWARE | unix.SOF_TIMESTAMPING_RX_SOFTWARE |
		unix.SOF_TIMESTAMPING_TX_SOFTWARE | unix.SOF_TIMESTAMPING_OPT_TSONLY
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, what)
	return os.NewSyscallError("setsockopt SO_TIMESTAMPING", err)
}

// receiveStamped reads, and says when the kernel received the last of it; zero: unknown.
func receiveStamped(fd int, b []byte) (int, time.Time, error) {
	var control [128]byte
	n, controls, _, _, err := unix.Recvmsg(fd, b, control[:], 0)
	return n, stampIn(control[:max(controls, 0)]), err
}

// sendStamp returns when the last packet left; zero: the kernel has not said it.
func sendStamp(fd int) (last time.Time) {
	var control [256]byte
	for {
		_, n, _, _, err := unix.Recvmsg(fd, nil, control[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if err != nil {
			return last
		}
		if at := stampIn(control[:n]); !at.IsZero() {
			last = at
		}
	}
}

// stampIn finds the software stamp, the first of three, among control messages.
func stampIn(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Time{}
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_SOCKET || m.Header.Type != unix.SO_TIMESTAMPING_NEW || len(m.Data) < 16 {
			continue
		}
		s := int64(binary.NativeEndian.Uint64(m.Data))
		ns := int64(binary.NativeEndian.Uint64(m.Data[8:]))
		if s != 0 {
			return time.Unix(s, ns)
		}
	}
	return time.Time{}
}
