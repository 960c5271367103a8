package survival

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// perSlowPeer is how much memory a connection may cost that is being slow on purpose: a piece
// of output, a body's first part, and what the model needs itself. It is far below what such a
// peer asks for (16 MiB), which is what a server without a bound would hold.
const perSlowPeer = 256.0 / 1024 // MiB

// slowed is how many times its quiet p99 a normal client may see beside the slow crowd.
const slowed = 3.0

func (t *Trial) slowCrowd() error {
	twin, err := t.Round.Start(t.Model, t.Proto, t.fault) // where nobody is slow
	if err != nil {
		return err
	}
	defer twin.Kill()
	n := t.N(2000, 25)
	before, err := t.RSS()
	if err != nil {
		return err
	}
	writers, release, err := t.DialAll(n, t.Dial)
	if err != nil {
		return err
	}
	defer release()
	readers, release, err := t.DialAll(n, t.dialNarrow)
	if err != nil {
		return err
	}
	defer release()
	t.beginSlowly(writers, readers)
	err = t.beside(twin.Addr, writers, readers)
	peak, rssErr := t.RSS()
	err = errors.Join(err, rssErr)
	most := 64 + float64(2*n)*perSlowPeer
	t.Count(2*n, err == nil && peak-before <= most)
	t.Record(FigureQuiet, before)
	t.Record(FigureSlow, peak)
	if peak-before > most {
		err = errors.Join(err, missed(missedMemory, peak-before,
			"%d slow peers cost %.0f MiB; want at most %.0f", 2*n, peak-before, most))
	}
	return err
}

// beside compares what normal clients wait for at the server, while its crowd is being slow, with
// what they wait for at its twin, while the crowd rests. The two take turns, so that what else
// happens on the machine hits both, and the middle one of the ratios counts.
func (t *Trial) beside(twin string, writers, readers []*net.TCPConn) error {
	var quiets, busies, ratios []float64
	for range t.N(7, 1) {
		quiet, err := t.p99(twin)
		if err != nil {
			return fmt.Errorf("with nobody slow: %w", err)
		}
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			t.beSlow(writers, readers, stop)
		}()
		busy, err := t.p99(t.Addr)
		close(stop)
		<-stopped
		if err != nil {
			return fmt.Errorf("beside the slow: %w", err)
		}
		quiets, busies, ratios = append(quiets, quiet), append(busies, busy), append(ratios, busy/quiet)
	}
	t.Record(FigureQuietP99, median(quiets))
	t.Record(FigureSlowP99, median(busies))
	t.Record(FigureSlowRatio, median(ratios))
	if r := median(ratios); t.Full && r >= slowed { // in the small round others use the machine, too
		return missed(missedP99, r, "normal clients see %.1f times their quiet p99; want less than %.0f", r, slowed)
	}
	return nil
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// beginSlowly sends what makes the server wait for the writers, and owe the readers.
func (t *Trial) beginSlowly(writers, readers []*net.TCPConn) {
	begin := "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
	want := strings.Repeat("GET /bytes/1000000 HTTP/1.1\r\nHost: x\r\n\r\n", 16)
	if t.Proto == "echo" {
		begin, want = "", strings.Repeat("w", 64<<10)
	}
	// A failure here is the server's answer to rudeness, which is its right.
	for _, c := range writers {
		_, _ = io.WriteString(c, begin)
	}
	for _, c := range readers {
		_, _ = io.WriteString(c, want)
	}
}

// beSlow sends a byte of each writer's request, and takes a byte of each reader's answer, about
// once a second, until stop.
func (t *Trial) beSlow(writers, readers []*net.TCPConn, stop chan struct{}) {
	one := make([]byte, 1)
	for {
		for i := range writers {
			select {
			case <-stop:
				return
			case <-time.After(time.Second / time.Duration(len(writers))):
			}
			_, _ = writers[i].Write([]byte{'a'})
			_ = readers[i].SetReadDeadline(time.Now().Add(time.Millisecond))
			_, _ = readers[i].Read(one)
		}
	}
}

// p99 is the 99th percentile, in microseconds, of what a few polite clients wait for an answer.
func (t *Trial) p99(addr string) (float64, error) {
	const clients = 4
	times := make([][]time.Duration, clients)
	ends := time.Now().Add(time.Duration(t.N(400, 100)) * time.Millisecond)
	errs := make(chan error, clients)
	for i := range clients {
		go func() { errs <- t.polite(addr, ends, &times[i]) }()
	}
	var err error
	for range clients {
		err = errors.Join(err, <-errs)
	}
	return percentile(times, 0.99), err
}

func (t *Trial) polite(addr string, ends time.Time, times *[]time.Duration) error {
	c, err := t.dialTo(addr, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for time.Now().Before(ends) {
		start := time.Now()
		if t.Proto == "echo" {
			err = echo(c, random(64))
		} else if _, err = io.WriteString(c, hello); err == nil {
			err = answered(r, http.StatusOK)
		}
		if err != nil {
			return fmt.Errorf("a normal client: %w", err)
		}
		*times = append(*times, time.Since(start))
		time.Sleep(time.Millisecond)
	}
	return nil
}

// percentile returns the p-quantile (0..1) of all times, in microseconds; 0 if there are none.
func percentile(times [][]time.Duration, p float64) float64 {
	all := slices.Sorted(slices.Values(slices.Concat(times...)))
	if len(all) == 0 {
		return 0
	}
	return float64(all[int(p*float64(len(all)-1))].Nanoseconds()) / 1000
}
