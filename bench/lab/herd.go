package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// The size of the herd, for F8 and F9.
const (
	herdWorkers = 8
	herdConns   = 40
)

// herd is workers that wait for connections, each with an epoll instance and a thread of its own.
type herd struct {
	workers []*worker
	accepts atomic.Int64
	bell    int // an eventfd: readable when all shall go home
}

type worker struct {
	poller
	listener int
	tid      atomic.Int64
	awake    atomic.Bool // from its waking until it has dealt with it

	wakeups, accepted, empty int // its own, until it has ended
}

// stampede lets connections come one after the other, each when all workers are asleep again, and
// returns what the workers have to tell. share: one listener for all; otherwise each has its own.
func stampede(ctx context.Context, share bool, events uint32) (tale []*worker, err error) {
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	defer unix.Close(bell)
	h := &herd{bell: bell}
	defer h.close(share)
	at, err := h.gather(share, events)
	if err != nil {
		return nil, err
	}
	var all sync.WaitGroup
	failed := make(chan error, len(h.workers))
	for _, w := range h.workers {
		all.Go(func() { failed <- w.work(ctx, h) })
	}
	err = h.visit(ctx, at)
	if _, ring := unix.Write(bell, []byte{1, 0, 0, 0, 0, 0, 0, 0}); ring != nil {
		return nil, errors.Join(err, ring) // nobody would end; it cannot happen to a fresh eventfd
	}
	all.Wait()
	close(failed)
	for e := range failed {
		err = errors.Join(err, e)
	}
	return h.workers, err
}

// gather makes the workers and says where they listen.
func (h *herd) gather(share bool, events uint32) (at *unix.SockaddrInet4, err error) {
	at = anyPort()
	for i := range herdWorkers {
		w := &worker{listener: -1}
		if w.poller, err = newPoller(); err != nil {
			return nil, err
		}
		h.workers = append(h.workers, w)
		if i > 0 && share {
			w.listener = h.workers[0].listener
		} else if w.listener, err = listen(!share, at); err != nil {
			return nil, err
		}
		if at, err = addressOf(w.listener); err != nil {
			return nil, err
		}
		err = errors.Join(w.watch(w.listener, unix.EPOLLIN|events, 0), w.watch(h.bell, unix.EPOLLIN, 0))
		if err != nil {
			return nil, err
		}
	}
	return at, nil
}

func (h *herd) close(share bool) {
	for i, w := range h.workers {
		w.close()
		if i == 0 || !share {
			unix.Close(w.listener)
		}
	}
}

// visit connects, again and again.
func (h *herd) visit(ctx context.Context, at *unix.SockaddrInet4) error {
	for i := range herdConns {
		if err := until(ctx, "all workers wait", h.asleep); err != nil {
			return err
		}
		conn, err := dial(ctx, hostPort(at))
		if err != nil {
			return err
		}
		defer conn.Close()
		accepted := func() (bool, error) { return h.accepts.Load() > int64(i), nil }
		if err := until(ctx, "a worker has accepted", accepted); err != nil {
			return err
		}
	}
	return until(ctx, "all workers wait", h.asleep)
}

// asleep reports whether all workers wait.
func (h *herd) asleep() (bool, error) { return h.each((*worker).waits) }

// settled reports whether everybody who is to be woken is awake.
func (h *herd) settled() (bool, error) {
	return h.each(func(w *worker) (bool, error) {
		if w.awake.Load() {
			return true, nil
		}
		return w.waits()
	})
}

func (h *herd) each(is func(*worker) (bool, error)) (bool, error) {
	for _, w := range h.workers {
		if ok, err := is(w); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// waits reports whether the worker's thread sleeps in its epoll instance: it is in a call whose
// first argument is that descriptor. A thread that has been woken is "running", even if no
// processor was free for it yet.
func (w *worker) waits() (bool, error) {
	tid := w.tid.Load()
	if tid == 0 {
		return false, nil // not started yet
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", tid))
	if err != nil {
		return false, err
	}
	var call, epoll int // the call's number and its arguments
	n, _ := fmt.Sscanf(string(text), "%d 0x%x", &call, &epoll)
	return n == 2 && epoll == w.fd, nil
}

// work accepts one connection for each time it is woken. Nobody accepts before everybody who was
// woken is awake, as on a machine with a processor for each; otherwise the first one may be done
// before the others look, and how large the herd is would depend on the scheduler's mood.
func (w *worker) work(ctx context.Context, h *herd) error {
	runtime.LockOSThread() // a thread of the runtime's choice would hide part of the herd
	defer runtime.UnlockOSThread()
	w.tid.Store(int64(unix.Gettid()))
	for {
		events, err := w.wait(-1)
		if err != nil {
			return err
		}
		for _, e := range events {
			if int(e.Fd) == h.bell {
				return nil
			}
		}
		w.wakeups++
		w.awake.Store(true)
		if err := until(ctx, "the herd is awake", h.settled); err != nil {
			return err
		}
		w.awake.Store(false)
		fd, _, err := unix.Accept4(w.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			w.empty++
			continue
		case err != nil:
			return os.NewSyscallError("accept4", err)
		}
		w.accepted++
		unix.Close(fd)
		h.accepts.Add(1)
	}
}

// Herd returns how many accepts found nothing, and how many of the connections the busiest of eight
// workers got. share: they watch one listener, otherwise each has its own (SO_REUSEPORT). flags are
// added to EPOLLIN.
func Herd(ctx context.Context, share bool, flags uint32) (empty, busiest, conns int, err error) {
	workers, err := stampede(ctx, share, flags)
	for _, w := range workers {
		empty, busiest = empty+w.empty, max(busiest, w.accepted)
	}
	return empty, busiest, herdConns, err
}
