package thread

import (
	"io"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/blocking"
)

// stream is a blocking socket. The calls are made with unix.Read and unix.Write, which tell
// the scheduler that the thread may be away for long; the raw variants, which do not, would
// keep the permit to run Go code, and as many idle connections as there are processors would
// stop the whole program.
type stream struct {
	fd    int
	recv  time.Duration // what SO_RCVTIMEO holds; 0: none
	send  time.Duration // what SO_SNDTIMEO holds
	reads int           // since the thread last stood in line
}

// turn is how many reads a thread makes before it stands in line again for its permit to run Go
// code. A peer that always has its next request ready would otherwise let its thread keep the
// permit for the runtime's slice of 10 ms, waits for the network included, and of ten thousand
// such peers the last would wait for more than a minute.
const turn = 4

// Read waits in read(2).
func (s *stream) Read(p []byte, patience time.Duration) (int, error) {
	if err := s.setTimeout(unix.SO_RCVTIMEO, &s.recv, patience); err != nil {
		return 0, err
	}
	if s.reads++; s.reads == turn {
		s.reads = 0
		runtime.Gosched()
	}
	n, err := again(func() (int, error) { return unix.Read(s.fd, p) })
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, translate("read", err)
}

// Write waits in write(2), more than once if a time-out let it return with a part.
func (s *stream) Write(p []byte, patience time.Duration) (int, error) {
	if err := s.setTimeout(unix.SO_SNDTIMEO, &s.send, patience); err != nil {
		return 0, err
	}
	n, err := again(func() (int, error) { return unix.Write(s.fd, p) })
	return n, translate("write", err)
}

// again repeats a call that a signal interrupted before anything moved. With a time-out on
// the socket the kernel does not restart it by itself (signal(7)).
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// setTimeout costs a system call only when the time-out changes: once per connection for
// writes, and for reads when a request arrives in pieces.
func (s *stream) setTimeout(option int, holds *time.Duration, patience time.Duration) error {
	if *holds == patience {
		return nil
	}
	tv := unix.NsecToTimeval(int64(max(patience, time.Millisecond)))
	if patience == 0 {
		tv = unix.Timeval{} // the kernel's word for "wait for ever"
	}
	if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, option, &tv); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	*holds = patience
	return nil
}

func (s *stream) CloseWrite() error {
	return os.NewSyscallError("shutdown", unix.Shutdown(s.fd, unix.SHUT_WR))
}

// Interrupt wakes the thread out of read(2), with 0 bytes as if by FIN. What had arrived is
// still read first.
func (s *stream) Interrupt() { unix.Shutdown(s.fd, unix.SHUT_RD) }

// Abort wakes it out of write(2) as well.
func (s *stream) Abort() { unix.Shutdown(s.fd, unix.SHUT_RDWR) }

func (s *stream) Close() error { return os.NewSyscallError("close", unix.Close(s.fd)) }

func translate(call string, err error) error {
	switch err {
	case nil, io.EOF:
		return err
	case unix.EAGAIN: // of a blocking socket: its time-out
		return blocking.ErrTimeout
	}
	return os.NewSyscallError(call, err)
}
