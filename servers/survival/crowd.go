package survival

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// leaves is the fault whose trials wait for minutes.
const leaves = "crowd-leaves"

// crowdFaults are about many peers.
func crowdFaults() []Fault {
	return []Fault{
		{
			Name: "churn", Run: (*Trial).churn,
			Says: "connections come and go: silent, cut off, reset, in good order; each gets its own answer",
		},
		{
			Name: "storm", Run: (*Trial).storm, Flags: []string{"--max-conns", "100"},
			Says: "ten times --max-conns connect at once; each is served, or told so and closed; none is left hanging",
		},
		{
			Name: "out-of-descriptors", Run: (*Trial).exhaust, NoFile: 256,
			Says: "more connections than open files allowed; when some leave, the waiting ones are served",
		},
		{
			Name: "slow-crowd", Run: (*Trial).slowCrowd, Cases: []string{"back-pressure"},
			Says: "as many slow writers as slow readers at once; memory is bounded, a normal client is served",
		},
		{
			Name: leaves, Run: (*Trial).crowdLeaves,
			Says: "a crowd asks, waits, and leaves, twice; the second costs no memory beyond the first",
		},
	}
}

func (t *Trial) churn() error {
	return t.Crowd(t.N(20_000, 400), func(i int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		switch i % 4 {
		case 0: // leaves without a word
			return nil
		case 1: // leaves without waiting for the answer
			_, err := io.WriteString(c, hello)
			return err
		case 2: // leaves rudely
			return errors.Join(t.Exchange(c), reset(c))
		}
		return t.Exchange(c)
	})
}

func (t *Trial) storm() error {
	stay := make(chan struct{})
	var in atomic.Int32
	go func() {
		defer close(stay)
		_ = t.until(func() error { // whoever is in stays until the house is full
			if n := in.Load(); n < 100 {
				return fmt.Errorf("%d of 100 are in", n)
			}
			return nil
		})
	}()
	err := t.Together(1000, func(int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		if err := t.Exchange(c); err == nil {
			in.Add(1)
			<-stay
			return t.Exchange(c)
		} else if timedOut(err) {
			return fmt.Errorf("neither served nor refused: %w", err)
		}
		return nil // a 503, FIN or RST: a refusal
	})
	if n := in.Load(); n < 100 {
		err = errors.Join(err, fmt.Errorf("only %d were let in", n))
	}
	return err
}

func timedOut(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// spinning is the share of a processor that a server may use while it can accept nobody and
// nobody asks for anything.
const spinning = 0.30

func (t *Trial) exhaust() error {
	const crowd = 400
	leave := make(chan struct{})
	var answers atomic.Int32
	full := make(chan error, 1)
	go func() {
		defer close(leave)
		err := t.until(func() error {
			if n := answers.Load(); n < 128 {
				return fmt.Errorf("%d are served with 256 open files", n)
			}
			return nil
		})
		full <- errors.Join(err, t.wantsCalm(time.Duration(t.N(3000, 500))*time.Millisecond))
	}()
	err := t.Together(crowd, func(int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		if err := t.Exchange(c); err != nil {
			if timedOut(err) {
				return fmt.Errorf("neither served nor refused: %w", err)
			}
			return nil // refused: that, too, is a way to say "full"
		}
		answers.Add(1)
		<-leave
		return nil
	})
	return errors.Join(err, <-full)
}

// wantsCalm measures what the server uses while nobody asks for anything.
func (t *Trial) wantsCalm(d time.Duration) error {
	before, err := t.CPU()
	if err != nil {
		return err
	}
	start := time.Now()
	time.Sleep(d)
	after, err := t.CPU()
	if err != nil {
		return err
	}
	share := float64(after-before) / float64(time.Since(start))
	t.Record(FigureSpin, 100*share)
	if share > spinning {
		return fmt.Errorf("it uses %.0f %% of a processor while it waits for descriptors", 100*share)
	}
	return nil
}
