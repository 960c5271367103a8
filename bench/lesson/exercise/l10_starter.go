package exercise

import "golang.org/x/sys/unix"

type inline10 struct{ fd int }

func starter10(fd int) receiver10 { return &inline10{fd: fd} }

// Receive submits a receive. done is called with what has been received.
func (r *inline10) Receive(done func(string)) {
	buf := make([]byte, 64)
	n, _ := unix.Read(r.fd, buf)
	done(string(buf[:max(n, 0)]))
}

// Ready is told that the socket may be readable.
func (r *inline10) Ready() {}
