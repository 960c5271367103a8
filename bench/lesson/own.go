package lesson

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/bench/lab"
	"iomodels/bench/proc"
)

type values = map[string]float64

// runs lists the runs of lessons that are no row of the lab, by number. Those that only trace have
// nothing more to do.
func runs() map[int]func(context.Context, *lab.Env) (Data, error) {
	traces := func(context.Context, *lab.Env) (Data, error) { return Data{}, nil }
	return map[int]func(context.Context, *lab.Env) (Data, error){
		0: fourCalls, 1: oneAfterTheOther, 3: oneDies, 4: spinning, 6: traces, 9: manyWait, 10: traces,
		12: librariesBlocked, 13: everyModelBlocked, 18: slowUpload, 19: twoQuadrants,
	}
}

// peerWaits is how long the peer does nothing.
const peerWaits = 50 * time.Millisecond

// fourCalls receives from an empty socket and sends to a full one, blocking and not. The peer moves
// after a while.
func fourCalls(context.Context, *lab.Env) (Data, error) {
	v, waiting := values{}, 0
	for _, send := range []bool{false, true} {
		for _, blocking := range []bool{false, true} {
			took, err := oneCall(send, blocking)
			if err != nil {
				return Data{}, err
			}
			name := map[bool]string{true: "send", false: "recv"}[send]
			name += map[bool]string{true: "_blocking_ms", false: "_nonblocking_ms"}[blocking]
			v[name] = millis(took)
			if took >= peerWaits/2 {
				waiting++
			}
		}
	}
	v["waiting"], v["peer_ms"] = float64(waiting), float64(peerWaits.Milliseconds())
	return Data{Values: v}, nil
}

// oneCall returns how long the call took.
func oneCall(send, blocking bool) (time.Duration, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	block := make([]byte, 64<<10)
	if send {
		for err == nil { // until it is full
			_, err = unix.Write(fds[0], block)
		}
	}
	if err := unix.SetNonblock(fds[0], !blocking); err != nil {
		return 0, os.NewSyscallError("fcntl", err)
	}
	moved := make(chan error, 1)
	time.AfterFunc(peerWaits, func() { moved <- peerMoves(fds[1], send, block) })
	begin := time.Now()
	if send {
		_, err = unix.Write(fds[0], block[:1])
	} else {
		_, err = unix.Read(fds[0], block)
	}
	took := time.Since(begin)
	if !blocking && errors.Is(err, unix.EAGAIN) {
		err = nil // the answer of a call that does not wait
	}
	return took, errors.Join(err, <-moved)
}

// peerMoves makes room, or sends a byte.
func peerMoves(fd int, drain bool, buf []byte) error {
	if !drain {
		_, err := unix.Write(fd, buf[:1])
		return os.NewSyscallError("write", err)
	}
	for {
		if _, err := unix.Read(fd, buf); err != nil {
			return nil // it is empty
		}
	}
}

// thinks is how long a request of lesson 1 takes.
const thinks = 200 * time.Millisecond

// oneAfterTheOther lets two clients ask at the same time, of a server that serves one connection
// after the other, and of one that has a goroutine for each.
func oneAfterTheOther(ctx context.Context, _ *lab.Env) (Data, error) {
	v := values{"think_ms": float64(thinks.Milliseconds())}
	for name, each := range map[string]func(func()){
		"iterative_ms": func(serve func()) { serve() },
		"each_ms":      func(serve func()) { go serve() },
	} {
		took, err := secondClient(ctx, each)
		if err != nil {
			return Data{}, err
		}
		v[name] = millis(took)
	}
	return Data{Values: v}, nil
}

// secondClient returns how long the second client waits for an answer that takes no time.
func secondClient(ctx context.Context, each func(func())) (time.Duration, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	began := make(chan struct{}, 2)
	go func() {
		for first := true; ; first = false {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			pause := time.Duration(0)
			if first {
				pause = thinks
			}
			each(func() {
				defer conn.Close()
				began <- struct{}{}
				time.Sleep(pause) // the request is thought about
				_, _ = io.WriteString(conn, "done")
			})
		}
	}()
	var took time.Duration
	for i := range 2 {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		if i == 0 {
			<-began // the server thinks about the first one
			continue
		}
		begin := time.Now()
		if _, err := io.ReadAll(conn); err != nil {
			return 0, err
		}
		took = time.Since(begin)
	}
	return took, nil
}

// oneDies holds connections, kills one process, and counts those that are lost: with two processes,
// and with one.
func oneDies(ctx context.Context, env *lab.Env) (Data, error) {
	const conns = 40
	v := values{"conns": conns}
	for name, args := range map[string][]string{"two_lost": {"--procs", "2"}, "one_lost": nil} {
		lost, err := loses(ctx, env, conns, args)
		if err != nil {
			return Data{}, err
		}
		v[name] = float64(lost)
	}
	return Data{Values: v}, nil
}

func loses(ctx context.Context, env *lab.Env, conns int, args []string) (lost int, err error) {
	server, err := env.Serve(ctx, "reactor", "echo", append([]string{"--loops", "1"}, args...)...)
	if err != nil {
		return 0, err
	}
	defer server.Stop(5 * time.Second)
	held, err := hold(ctx, server.Addr, conns)
	defer closeConns(held)
	if err != nil {
		return 0, err
	}
	victim := server.PIDs[len(server.PIDs)-1]
	if err := unix.Kill(victim, unix.SIGKILL); err != nil {
		return 0, os.NewSyscallError("kill", err)
	}
	for _, conn := range held {
		if echo(conn) != nil {
			lost++
		}
	}
	return lost, nil
}

// hold opens connections, each answered once.
func hold(ctx context.Context, addr string, n int) (held []net.Conn, err error) {
	for range n {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return held, err
		}
		held = append(held, conn)
		deadline, ok := ctx.Deadline()
		if !ok {
			deadline = time.Now().Add(10 * time.Second)
		}
		if err := errors.Join(conn.SetDeadline(deadline), echo(conn)); err != nil {
			return held, err
		}
	}
	return held, nil
}

func echo(conn net.Conn) error {
	if _, err := conn.Write([]byte("x")); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func closeConns(conns []net.Conn) {
	for _, c := range conns {
		c.Close()
	}
}

// watch is how long idle servers are watched in lesson 4.
const watch = 300 * time.Millisecond

// spinning returns how much of a processor two idle servers use: one that asks again and again, and
// one that waits to be told.
func spinning(ctx context.Context, env *lab.Env) (Data, error) {
	v := values{}
	for _, model := range []string{"spin", "reactor"} {
		used, err := idleCPU(ctx, env, model)
		if err != nil {
			return Data{}, err
		}
		v[model+"_percent"] = used
	}
	return Data{Values: v}, nil
}

func idleCPU(ctx context.Context, env *lab.Env, model string) (percent float64, err error) {
	server, err := env.Serve(ctx, model, "echo", "--loops", "1")
	if err != nil {
		return 0, err
	}
	defer server.Stop(5 * time.Second)
	held, err := hold(ctx, server.Addr, 1)
	defer closeConns(held)
	if err != nil {
		return 0, err
	}
	before, err := proc.ReadCPU(server.PIDs...)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	time.Sleep(watch) // nothing is asked: that is the experiment
	after, err := proc.ReadCPU(server.PIDs...)
	if err != nil {
		return 0, err
	}
	return 100 * float64(after.Total-before.Total) / float64(time.Since(begin)), nil
}

// manyWait counts the threads of a server with a goroutine for each of many silent connections, and
// of one with a thread for each.
func manyWait(ctx context.Context, env *lab.Env) (Data, error) {
	const conns = 100
	v := values{"conns": conns}
	for _, model := range []string{"goroutine", "thread"} {
		server, err := env.Serve(ctx, model, "echo")
		if err != nil {
			return Data{}, err
		}
		held, err := hold(ctx, server.Addr, conns)
		var memory proc.Memory
		if err == nil {
			memory, err = proc.ReadMemory(server.PIDs...)
		}
		closeConns(held)
		server.Stop(5 * time.Second)
		if err != nil {
			return Data{}, err
		}
		v[model+"_os_threads"] = float64(memory.Threads)
	}
	return Data{Values: v}, nil
}

// everyModelBlocked runs row 1 of the lab with models that have little in common.
func everyModelBlocked(ctx context.Context, env *lab.Env) (Data, error) {
	return blocked(ctx, env, []server{
		{"goroutine", nil},
		{"thread", nil},
		{"netpoll", nil},
		{"reactor", nil},
		{"proactor-emulated", nil},
		{"proactor", nil},
		{"gnet", nil},
		{"reactor", []string{"--offload", "2"}},
	})
}

// librariesBlocked finds out where libraries call handlers: whether their loops go on meanwhile.
func librariesBlocked(ctx context.Context, env *lab.Env) (Data, error) {
	return blocked(ctx, env, []server{{"gnet", nil}, {"netpoll", nil}, {"fasthttp", nil}})
}

// server is a model with its flags.
type server struct {
	model string
	args  []string
}

// blocked lets a handler block, and tells what another client waits for: MODEL_ms, with "_offload"
// after the name of the model if it has flags.
func blocked(ctx context.Context, env *lab.Env, servers []server) (Data, error) {
	d := Data{Values: values{}, Figure: Figure{
		Title: "What the other client waits for while one handler blocks", Axis: "milliseconds (less is better)",
	}}
	for _, s := range servers {
		outcome, err := lab.BehindBlocked(ctx, env, s.model, s.args...)
		if why := (*lab.UnavailableError)(nil); errors.As(err, &why) {
			continue // the others say enough
		}
		if err != nil {
			return Data{}, fmt.Errorf("%s: %w", s.model, err)
		}
		name := strings.ReplaceAll(s.model, "-", "_")
		if s.args != nil {
			name += "_offload"
		}
		d.Values[name+"_ms"], d.Values["block_ms"] = outcome.Value, outcome.Facts["block_ms"]
		label := strings.Join(append([]string{s.model}, s.args...), " ")
		d.Figure.Bars = append(d.Figure.Bars, Bar{Label: label, Model: s.model, Value: outcome.Value})
	}
	return d, nil
}
