package survival

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// crowdLeaves compares the memory that two crowds cost, and what the server holds when the first
// and when the second have left.
func (t *Trial) crowdLeaves() error {
	sockets, err := t.Sockets()
	if err != nil {
		return err
	}
	if err := t.wave(t.N(500, 20), nil); err != nil { // what is made once, is made now
		return err
	}
	before, err := t.RSS()
	if err != nil {
		return err
	}
	var with, after [2]float64
	for i := range with {
		t.moreTime()
		if err := t.wave(t.N(10_000, 200), &with[i]); err != nil {
			return err
		}
		if err := t.allLeft(sockets); err != nil {
			return err
		}
		if after[i], err = t.givenBack(before); err != nil {
			return err
		}
	}
	t.Record(FigureBefore, before)
	t.Record(FigureCrowd, with[0])
	t.Record(FigureSecond, with[1])
	t.Record(FigureAfter, after[1])
	return t.wantsNoGrowth(before, with, after)
}

// wantsNoGrowth judges the memory before the crowds, with each, and after each.
func (t *Trial) wantsNoGrowth(before float64, with, after [2]float64) (err error) {
	if with[1] > 1.1*with[0]+burst {
		err = fmt.Errorf("a crowd took %.0f MiB the first time, and %.0f the second", with[0], with[1])
	}
	if !t.Full { // a small crowd is not worth a collection
		return err
	}
	if after[1] > 1.1*after[0]+burst/8 {
		err = errors.Join(err, fmt.Errorf("a crowd left %.0f MiB behind, and the next %.0f", after[0], after[1]))
	}
	pids, pidErr := t.pids()
	if after[1] > 1.1*before+records*float64(len(pids)) {
		err = errors.Join(err, fmt.Errorf("before the crowds it held %.0f MiB, and %.0f after", before, after[1]))
	}
	return errors.Join(err, pidErr)
}

const (
	// burst is by how many MiB two equal crowds may differ: how many of them are being answered
	// at the same moment is chance.
	burst = 32.0
	// records is how many MiB may remain of a crowd in each process besides a tenth of what there
	// was: the runtime never frees the records of goroutines (half a KiB each), tables that grew stay.
	records = 8.0
)

// allLeft waits until the server has closed all connections of a crowd.
func (t *Trial) allLeft(sockets int) error {
	return t.until(func() error {
		if n, err := t.Sockets(); err != nil || n > sockets {
			return fmt.Errorf("a crowd has left, and it has %d sockets, %d before (%v)", n, sockets, err)
		}
		return nil
	})
}

// givenBack waits until the server holds hardly more memory than before, or has had the time to,
// and returns what it holds.
func (t *Trial) givenBack(before float64) (after float64, err error) {
	for end := time.Now().Add(time.Duration(t.N(20_000, 0)) * time.Millisecond); ; time.Sleep(100 * time.Millisecond) {
		after, err = t.RSS()
		if err != nil || after <= 1.1*before+records || time.Now().After(end) {
			return after, err
		}
	}
}

// wave lets n peers come, ask and wait for all others; then all leave. peak is the memory of
// the server while all are there.
func (t *Trial) wave(n int, peak *float64) error {
	var here atomic.Int32
	all := make(chan struct{})
	var rssErr error
	err := t.Together(n, func(int) error {
		c, err := t.Dial()
		if err == nil {
			defer c.Close()
			err = t.Exchange(c)
		}
		if int(here.Add(1)) == n {
			if peak != nil {
				*peak, rssErr = t.RSS()
			}
			close(all)
		}
		<-all
		return err
	})
	return errors.Join(err, rssErr)
}
