package lab

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"
)

func f19() Row {
	return Row{
		F: 19, Name: "all come back at once",
		Tried: fmt.Sprintf("%d clients lose their connections at the same moment, and reconnect",
			stormClients),
		Idea: "Whoever loses the connection waits a little and tries again.",
		See: "After a restart the server is overrun, falls over, and is overrun again when it is " +
			"back.",
		Why: "They have lost it at the same time and wait equally long: the wait moves the crowd and " +
			"does not spread it. Doubling the wait after each failure moves it further, still as a " +
			"crowd.",
		Fix: "Wait for a random time, up to a bound that grows with each failure. The mean wait is " +
			"the same, and nobody is together with the others. The one who is alone loses a little.",
		Safe:   "no server can do it for its clients; a limit on accepts only keeps it alive",
		Claim:  Claim{fmt.Sprintf("of the accepts, in the busiest %v", stormWindow), AtMost, 40, "%"},
		Faulty: Variant{fmt.Sprintf("all wait %v", stormWait), storm(false)},
		Fixed:  Variant{fmt.Sprintf("each waits a random part of %v", 2*stormWait), storm(true)},
	}
}

const (
	stormClients = 64
	stormWait    = 500 * time.Millisecond
	stormWindow  = 50 * time.Millisecond
)

// storm returns the share of the second accepts, in percent, that fell into the busiest window.
func storm(jitter bool) func(context.Context, *Env) (Outcome, error) {
	return func(ctx context.Context, _ *Env) (Outcome, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return Outcome{}, err
		}
		defer l.Close()
		var clients sync.WaitGroup
		failed := make(chan error, stormClients)
		for i := range stormClients {
			wait := stormWait
			if jitter {
				wait = time.Duration(rand.New(rand.NewPCG(19, uint64(i))).Int64N(int64(2 * stormWait)))
			}
			clients.Go(func() { failed <- comesBack(ctx, l.Addr().String(), wait) })
		}
		first, _, err := acceptCrowd(l)
		for _, conn := range first { // as a server does that dies
			conn.Close()
		}
		if err != nil {
			return Outcome{}, err
		}
		second, times, err := acceptCrowd(l)
		for _, conn := range second {
			conn.Close()
		}
		clients.Wait()
		for range stormClients {
			if e := <-failed; err == nil {
				err = e
			}
		}
		most := busiestWindow(times, stormWindow)
		facts := Facts{"most": float64(most), "clients": stormClients}
		return Outcome{100 * float64(most) / stormClients, facts}, err
	}
}

// comesBack connects, loses the connection, waits, and connects again.
func comesBack(ctx context.Context, addr string, wait time.Duration) error {
	for _, pause := range []time.Duration{0, wait} {
		time.Sleep(pause) // the remedy, or the fault, is what this is
		conn, err := dial(ctx, addr)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, conn) // until it is lost, in whatever way
		conn.Close()
	}
	return nil
}

// acceptCrowd accepts every client once, and says when.
func acceptCrowd(l net.Listener) (conns []net.Conn, times []time.Time, err error) {
	for range stormClients {
		conn, err := l.Accept()
		if err != nil {
			return conns, times, err
		}
		conns, times = append(conns, conn), append(times, time.Now())
	}
	return conns, times, nil
}

// busiestWindow returns how many of the times, at most, are so close together.
func busiestWindow(times []time.Time, window time.Duration) (most int) {
	slices.SortFunc(times, time.Time.Compare)
	from := 0
	for to := range times {
		for times[to].Sub(times[from]) > window {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}
