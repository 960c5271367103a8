package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/bench/proc"
)

const (
	mostThreads = 64 // the limit; a Go process has 10,000, and the kernel has one of its own
	safeThreads = 40 // connections that get a thread in the fixed variant
	crowd       = 90 // connections
)

func f02() Row {
	return Row{
		F: 2, Name: "the thread cliff",
		Tried: fmt.Sprintf("%d connections to a server with a thread for each; the process may have "+
			"%d threads",
			crowd, mostThreads),
		Idea: "A thread for each connection: the code is plain, and the kernel does the scheduling.",
		See:  "All is well, and then everybody's connection is gone at once.",
		Why: "Threads are limited: by the runtime, by the kernel, by the control group. Creating one " +
			"too many is not refused to the one who asked; the Go runtime cannot go on without it and " +
			"ends the process.",
		Fix: "Count connections and refuse those beyond a number that leaves threads to spare. A " +
			"refused peer can try again; a dead server cannot.",
		Safe: "all but thread, which counts: its budget is the smallest limit that it finds, less a " +
			"reserve",
		Claim:  Claim{"connections still served when all have come", AtLeast, safeThreads, ""},
		Faulty: Variant{"a thread for everybody", cliff("thread-each")},
		Fixed:  Variant{fmt.Sprintf("a thread for %d of them", safeThreads), cliff("thread-each-capped")},
	}
}

// cliff lets a child go to the edge. A child that dies of it serves nobody any more.
func cliff(name string) func(context.Context, *Env) (Outcome, error) {
	return func(ctx context.Context, env *Env) (Outcome, error) {
		last, exit, err := env.child(ctx, name)
		if err != nil {
			return Outcome{}, err
		}
		outcome := Outcome{Value: last.Value, Facts: Facts{"reached": last.Value, "limit": mostThreads}}
		if exit != (proc.Exit{}) {
			outcome.Value = 0
		}
		return outcome, nil
	}
}

// threadEach serves a crowd with a thread for each connection, and tells after each how many are
// served. limit bounds them; 0: nothing does.
func threadEach(out *json.Encoder, limit int) error {
	debug.SetMaxThreads(mostThreads)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		for n := 1; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if limit > 0 && n > limit {
				conn.Close() // refused; the process lives
				continue
			}
			go echoOnThread(conn.(*net.TCPConn))
		}
	}()
	served := 0
	for range crowd {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return err
		}
		defer conn.Close()
		if answered(conn) {
			served++
		}
		if err := out.Encode(Outcome{Value: float64(served)}); err != nil {
			return err
		}
	}
	return nil
}

// echoOnThread echoes with calls that block their thread: File takes the socket out of the
// runtime's poller.
func echoOnThread(conn *net.TCPConn) {
	runtime.LockOSThread()
	file, err := conn.File()
	conn.Close()
	if err != nil {
		return
	}
	defer file.Close()
	fd := int(file.Fd())
	if err := unix.SetNonblock(fd, false); err != nil {
		return
	}
	buf := make([]byte, 64)
	for {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		if _, err := unix.Write(fd, buf[:n]); err != nil {
			return
		}
	}
}

// answered reports whether an echo comes back.
func answered(conn net.Conn) bool {
	if conn.SetDeadline(time.Now().Add(patience)) != nil {
		return false
	}
	if _, err := conn.Write([]byte{1}); err != nil {
		return false
	}
	_, err := conn.Read(make([]byte, 1))
	return err == nil
}
