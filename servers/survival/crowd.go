package survival

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// crowdFaults are about many peers.
func crowdFaults() []Fault {
	return []Fault{
		{
			Name: "churn", Run: (*Trial).churn, Load: true,
			Says: "connections come and go: silent, cut off, reset, in good order; each gets its own answer",
		},
		{
			Name: "storm", Run: (*Trial).storm, Load: true, Flags: []string{"--max-conns", "100"}, PerProcess: true,
			Says: "many more than --max-conns connect at once; each is served, or told so and closed; none is left hanging",
		},
		{
			Name: "out-of-descriptors", Run: (*Trial).exhaust, Load: true, NoFile: 256, PerProcess: true,
			Says: "more connections than open files allowed; when some leave, the waiting ones are served",
		},
		{
			Name: "slow-crowd", Run: (*Trial).slowCrowd, Load: true, Cases: []string{"back-pressure"},
			Says: "as many slow writers as slow readers at once; memory is bounded, a normal client is served",
		},
		{
			Name: "crowd-leaves", Run: (*Trial).crowdLeaves, Load: true, Protos: []string{"http"},
			Says: "a crowd asks, waits, and leaves, twice; the second costs no memory beyond the first, which is given back",
		},
	}
}

func (t *Trial) churn() error {
	return t.Crowd(t.N(20_000, 200), func(i int) error {
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
	err := t.Together(t.N(2000, 300), func(int) error {
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

// spinning is the share of a processor that a server may use, beyond what it uses when it is
// idle, while it can accept nobody and nobody asks for anything.
const spinning = 0.30

func (t *Trial) exhaust() error {
	const crowd = 400
	window := time.Duration(t.N(3000, 300)) * time.Millisecond
	idle, err := t.idleShare(window)
	if err != nil {
		return err
	}
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
		full <- errors.Join(err, t.wantsCalm(window, idle))
	}()
	err = t.Together(crowd, func(int) error {
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

func (t *Trial) wantsCalm(window time.Duration, idle float64) error {
	share, err := t.share(window)
	if err != nil {
		return err
	}
	t.Record(FigureIdle, 100*idle)
	t.Record(FigureSpin, 100*share)
	if share > idle+spinning {
		return fmt.Errorf("it uses %.0f %% of a processor while it waits for descriptors, and %.0f %% when idle",
			100*share, 100*idle)
	}
	return nil
}

// idleShare is share while nobody asks for anything. A model that asks again and again declares that
// it then uses a whole processor; what it gets of a busy machine's is no measure of that.
func (t *Trial) idleShare(window time.Duration) (float64, error) {
	if t.Model.Wait == "polls" {
		return 1, nil
	}
	return t.share(window)
}

// share measures how much of a processor the server uses for a while; 1 is a whole one.
func (t *Trial) share(window time.Duration) (float64, error) {
	before, err := t.CPU()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	time.Sleep(window)
	after, err := t.CPU()
	return float64(after-before) / float64(time.Since(start)), err
}
