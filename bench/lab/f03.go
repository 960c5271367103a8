package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func f03() Row {
	return Row{
		F: 3, Name: "poll looks at everybody",
		Tried: fmt.Sprintf("one ready descriptor among %d idle ones, against one among %d",
			manyIdle, fewIdle),
		Idea: "Hand the kernel the list of all descriptors, and it says which are ready.",
		See:  "The server gets slower with each connection, though the new ones say nothing.",
		Why: "The list goes to the kernel anew with each call, and the kernel asks every descriptor " +
			"in it. The cost of one event grows with the number of those that have none.",
		Fix: "Register once, and be told who is ready: epoll keeps the list, and drivers put " +
			"themselves on a second one. Registering costs a call for each connection.",
		Safe:   "all but poll; with few connections there is nothing to gain",
		Claim:  Claim{"times as long as with few idle descriptors", AtMost, 5, ""},
		Faulty: Variant{"poll", idleCost(pollOnce)},
		Fixed:  Variant{"epoll", idleCost(epollOnce)},
	}
}

const (
	fewIdle  = 10
	manyIdle = 1000
)

// waiter makes what waits for one of the descriptors, once for each call.
type waiter func(fds []int) (wait func() (int, error), release func(), err error)

func idleCost(w waiter) func(context.Context, *Env) (Outcome, error) {
	return func(context.Context, *Env) (Outcome, error) {
		facts := Facts{}
		for _, n := range []int{fewIdle, 100, manyIdle} {
			took, err := OneReadyOf(n, w)
			if err != nil {
				return Outcome{}, err
			}
			facts[fmt.Sprintf("ns_at_%d", n)] = float64(took)
		}
		ratio := facts[fmt.Sprintf("ns_at_%d", manyIdle)] / facts[fmt.Sprintf("ns_at_%d", fewIdle)]
		return Outcome{Value: ratio, Facts: facts}, nil
	}
}

// OneReadyOf returns what it takes to find the one ready descriptor among so many idle ones: the
// fastest of many tries, for what disturbs only adds.
func OneReadyOf(idle int, w waiter) (time.Duration, error) {
	fds := make([]int, 0, idle+1)
	defer func() { closeAll(fds) }()
	for i := range idle + 1 {
		ready := 0
		if i == idle {
			ready = 1 // an eventfd is readable when its count is not 0
		}
		fd, err := unix.Eventfd(uint(ready), unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
		if err != nil {
			return 0, os.NewSyscallError("eventfd", err)
		}
		fds = append(fds, fd)
	}
	wait, release, err := w(fds)
	if err != nil {
		return 0, err
	}
	defer release()
	best := time.Hour
	for range 200 {
		begin := time.Now()
		for range 5 {
			if n, err := wait(); err != nil || n != 1 {
				return 0, errors.Join(fmt.Errorf("%d descriptors are ready, want one", n), err)
			}
		}
		best = min(best, time.Since(begin)/5)
	}
	return best, nil
}

func pollOnce(fds []int) (func() (int, error), func(), error) {
	list := make([]unix.PollFd, len(fds))
	for i, fd := range fds {
		list[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	look := func() (int, error) { return unix.Poll(list, 0) }
	wait := func() (int, error) { return retry(look) }
	return wait, func() {}, nil
}

func epollOnce(fds []int) (func() (int, error), func(), error) {
	p, err := newPoller()
	if err != nil {
		return nil, nil, err
	}
	for _, fd := range fds {
		if err := p.watch(fd, unix.EPOLLIN, 0); err != nil {
			p.close()
			return nil, nil, err
		}
	}
	events := make([]unix.EpollEvent, 8)
	look := func() (int, error) { return unix.EpollWait(p.fd, events, 0) }
	wait := func() (int, error) { return retry(look) }
	return wait, p.close, nil
}

// retry repeats a call that a signal has interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
