package survival

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// crowdLeaves compares the memory that two crowds cost, and what the server holds when the first
// and when the second have left, with what it held when it was at rest before them.
func (t *Trial) crowdLeaves() error {
	sockets, err := t.Sockets()
	if err != nil {
		return err
	}
	if err := t.wave(t.N(1000, 20), t.N(1000, 0), nil); err != nil {
		return err
	}
	before, err := t.rest(sockets, 0) // by then what is made once is made, a first collection included
	if err != nil {
		return err
	}
	crowd := t.N(10_000, 200)
	var with, after [2]float64
	for i := range with {
		t.moreTime()
		if err := t.wave(crowd, 0, &with[i]); err != nil {
			return err
		}
		if after[i], err = t.rest(sockets, before); err != nil {
			return err
		}
	}
	program, err := t.Program() // added to all alike: its pages come and go as the kernel likes
	if err != nil {
		return err
	}
	before, after[0], after[1] = before+program, after[0]+program, after[1]+program
	t.Record(FigureBefore, before)
	t.Record(FigureCrowd, with[0])
	t.Record(FigureSecond, with[1])
	t.Record(FigureAfter, after[0])
	t.Record(FigureAfterSecond, after[1])
	t.Record(FigureRemains, 100*(after[1]-before)/before)
	return t.wantsNoGrowth(crowd, before, with, after)
}

// wantsNoGrowth judges the memory before the crowds, with each, and after each.
func (t *Trial) wantsNoGrowth(crowd int, before float64, with, after [2]float64) (err error) {
	if with[1] > 1.1*with[0]+burst {
		err = fmt.Errorf("a crowd took %.0f MiB the first time, and %.0f the second", with[0], with[1])
	}
	if !t.Full { // a small crowd is not worth a collection
		return err
	}
	if after[1] > 1.1*after[0]+chance {
		err = errors.Join(err, missed(missedGrowth, after[1]-after[0],
			"a crowd left %.1f MiB behind, and the next %.1f", after[0], after[1]))
	}
	if after[1] > 1.1*before {
		each := (after[1] - before) * 1024 / float64(crowd)
		err = errors.Join(err, missed(missedRemainder, each, "before the crowds it held %.1f MiB, and %.1f after: "+
			"%.2f KiB remain for each connection there was", before, after[1], each))
	}
	return err
}

const (
	// burst is by how many MiB two equal crowds may differ: how many of them are being answered
	// at the same moment is chance.
	burst = 32.0
	// chance is by how many MiB what two equal crowds leave may differ besides a tenth.
	chance = 1.0
)

// rest waits until a crowd has left, all of it, and the server's own memory falls no further, or
// has come back to what it was before, if there was a before. It returns what that is then.
func (t *Trial) rest(sockets int, before float64) (now float64, err error) {
	err = t.until(func() error {
		if n, err := t.Sockets(); err != nil || n > sockets {
			return fmt.Errorf("a crowd has left, and it has %d sockets, %d before (%v)", n, sockets, err)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if !t.Full { // a small crowd is not worth a collection
		return t.Own()
	}
	low, since := 0.0, time.Now()
	for ; ; time.Sleep(100 * time.Millisecond) {
		if now, err = t.Own(); err != nil || now <= before {
			return now, err
		}
		if low == 0 || now < 0.99*low {
			low, since = now, time.Now()
		}
		if time.Since(since) > calmFor {
			return now, nil
		}
	}
}

// calmFor is how long memory must not have fallen to be at rest: longer than a server waits
// before it gives back what a crowd has left.
const calmFor = 6 * time.Second

// wave lets n peers come, ask and wait for all others; then they stay for some milliseconds, and
// all leave. peak is the memory of the server while all are there.
func (t *Trial) wave(n, stay int, peak *float64) error {
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
			time.Sleep(time.Duration(stay) * time.Millisecond)
			close(all)
		}
		<-all
		return err
	})
	return errors.Join(err, rssErr)
}
