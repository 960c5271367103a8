package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/bench/proc"
)

func f12() Row {
	return Row{
		F: 12, Name: "a frozen peer looks alive",
		Tried: fmt.Sprintf("a server is stopped (SIGSTOP); keep-alive after 1 s, every 1 s, at most 1 "+
			"probe; watched for %v",
			watched),
		Idea: "TCP keep-alive finds out when the peer is gone.",
		See:  "Requests hang. Every check of the port says that all is well.",
		Why: "Keep-alive is answered by the peer's kernel, and that is well. So are connects, up to " +
			"the length of the accept queue, and writes, up to the size of the buffers. Nobody has " +
			"asked the program.",
		Fix: "A heartbeat that the program itself must answer, with a deadline. It costs a message " +
			"for each connection and interval, and must be longer than the longest honest pause.",
		Safe:   "who asks the application; no model can see it by itself",
		Claim:  Claim{"noticed after", AtMost, 1, "s"},
		Faulty: Variant{"TCP keep-alive", frozen(byKeepAlive)},
		Fixed:  Variant{fmt.Sprintf("an echo within %v", heartbeat), frozen(byHeartbeat)},
	}
}

const (
	watched   = 2500 * time.Millisecond // long enough for keep-alive to give up on a dead machine
	heartbeat = 500 * time.Millisecond
)

// frozen stops a server, and returns after how many seconds the connection is known to be useless:
// watched, if it was not.
func frozen(notice func(*net.TCPConn) (bool, error)) func(context.Context, *Env) (Outcome, error) {
	return func(ctx context.Context, env *Env) (Outcome, error) {
		server, err := env.Serve(ctx, "goroutine", "echo")
		if err != nil {
			return Outcome{}, err
		}
		defer server.Kill() // it would not hear a request to stop
		conn, err := dial(ctx, server.Addr)
		if err != nil {
			return Outcome{}, err
		}
		defer conn.Close()
		tcp := conn.(*net.TCPConn)
		keepAlive := net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 1}
		if err := tcp.SetKeepAliveConfig(keepAlive); err != nil {
			return Outcome{}, err
		}
		if err := freeze(ctx, server); err != nil {
			return Outcome{}, err
		}
		facts := Facts{"connect_succeeds": 0}
		if again, err := dial(ctx, server.Addr); err == nil {
			facts["connect_succeeds"] = 1
			again.Close()
		}
		begin := time.Now()
		noticed, err := notice(tcp)
		took := time.Since(begin)
		if !noticed {
			took = watched
		}
		return Outcome{took.Seconds(), facts}, err
	}
}

// freeze stops a process, and returns when it has stopped.
func freeze(ctx context.Context, server *proc.Server) error {
	if err := unix.Kill(server.Pid(), unix.SIGSTOP); err != nil {
		return os.NewSyscallError("kill", err)
	}
	return until(ctx, "the server has stopped", func() (bool, error) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", server.Pid()))
		if err != nil {
			return false, err
		}
		var pid int
		var name, state string
		_, err = fmt.Sscan(string(stat), &pid, &name, &state)
		return state == "T", err
	})
}

// byKeepAlive waits for the kernel to report that the peer is gone.
func byKeepAlive(conn *net.TCPConn) (noticed bool, err error) {
	return silentFor(conn, watched, false)
}

// byHeartbeat sends a byte and wants it back.
func byHeartbeat(conn *net.TCPConn) (noticed bool, err error) {
	if _, err := conn.Write([]byte{1}); err != nil {
		return false, err
	}
	return silentFor(conn, heartbeat, true)
}

// silentFor reads, with a deadline. isNews: silence until then tells us something.
func silentFor(conn net.Conn, within time.Duration, isNews bool) (noticed bool, err error) {
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return false, err
	}
	_, err = conn.Read(make([]byte, 1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return isNews, nil
	case errors.Is(err, io.EOF), errors.Is(err, unix.ETIMEDOUT), errors.Is(err, unix.ECONNRESET):
		return true, nil
	}
	return false, err
}
