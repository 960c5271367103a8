package survival

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// crowdLeaves compares the memory that two crowds cost, and waits, in the large round, until
// the server has given it back.
func (t *Trial) crowdLeaves() error {
	before, first, second, err := t.twoCrowds(t.N(10_000, 200))
	if err != nil {
		return err
	}
	if second > 1.25*first+16 {
		err = fmt.Errorf("a crowd took %.0f MiB the first time, and %.0f the second", first, second)
	}
	t.Record(FigureBefore, before)
	t.Record(FigureCrowd, max(first, second))
	if t.Full { // in the small round there is no time for the collector to come by
		err = errors.Join(err, t.awaitGivenBack(before))
	}
	return err
}

// twoCrowds returns the memory of the server before a crowd of n, with it, and with another.
func (t *Trial) twoCrowds(n int) (before, first, second float64, err error) {
	if t.Full {
		t.Turn.Lock()
		defer t.Turn.Unlock()
		t.moreTime() // others may have had their turn for long
	}
	if err = t.wave(t.N(500, 20), nil); err != nil { // what is made once, is made now
		return 0, 0, 0, err
	}
	before, err = t.RSS()
	err = errors.Join(err, t.wave(n, &first), t.wave(n, &second))
	return before, first, second, err
}

// awaitGivenBack waits until the server holds hardly more memory than before. Of a server that has
// nothing to do the Go runtime collects the garbage every two minutes, what was pooled only the
// second time (sync.Pool), and it gives back slowly what is free.
func (t *Trial) awaitGivenBack(before float64) error {
	const patience = 8 * time.Minute
	start, after := time.Now(), 0.0
	err := poll(start.Add(patience), func() (err error) {
		time.Sleep(500 * time.Millisecond)
		if after, err = t.RSS(); err == nil && after > 1.1*before+givenBack {
			err = fmt.Errorf("after %v it holds %.0f MiB; before the crowd, %.0f", patience, after, before)
		}
		return err
	})
	t.Record(FigureAfter, after)
	t.Record(FigureUntilBack, time.Since(start).Seconds())
	return err
}

// givenBack is how many MiB may remain of a crowd besides a tenth of what there was: the
// runtime never frees the descriptors of goroutines and threads themselves.
const givenBack = 8.0

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
