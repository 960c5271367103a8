package watchdog

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// rig is a watchdog whose clock the test moves.
type rig struct {
	*Dog
	*Loop
	log  bytes.Buffer
	time time.Time
}

func newRig() *rig {
	r := &rig{time: time.Unix(1000, 0)}
	r.Dog = New(slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})))
	r.now = func() time.Time { return r.time }
	r.Loop = r.Watch()
	r.pass(Interval)
	return r
}

// pass lets time go by; the dog looks at each full interval.
func (r *rig) pass(d time.Duration) {
	for end := r.time.Add(d); r.time.Before(end); {
		next := r.time.Truncate(Interval).Add(Interval)
		if next.After(end) {
			r.time = end
			return
		}
		r.time = next
		r.Dog.look()
	}
}

var request = []byte("GET /delay/200 HTTP/1.1\r\nHost: x\r\n\r\n")

func TestBlockingHandlerIsNamed(t *testing.T) {
	r := newRig()
	r.pass(10 * time.Millisecond)
	r.Busy()
	r.pass(200 * time.Millisecond)
	r.Handled(request)
	r.Waits()
	const want = `level=WARN msg="loop blocked 170ms to 210ms in handler GET /delay/200" loop=0` + "\n"
	got := r.log.String()
	if !strings.Contains(got, "in handler GET /delay/200") || strings.Count(got, "\n") != 1 {
		t.Fatalf("log %q; want a line such as %q", got, want)
	}
	m := regexp.MustCompile(`blocked (\S+) to (\S+) in`).FindStringSubmatch(got)
	least, _ := time.ParseDuration(m[1])
	most, _ := time.ParseDuration(m[2])
	if least > 200*time.Millisecond || most < 200*time.Millisecond || most-least > Interval {
		t.Errorf("between %v and %v; it was 200 ms", least, most)
	}
}

func TestSilence(t *testing.T) {
	for name, play := range map[string]func(*rig){
		"a loop that waits":          func(r *rig) { r.Waits(); r.pass(time.Minute) },
		"one with nothing to do yet": func(r *rig) { r.pass(time.Minute) },
		"short turns without a wait": func(r *rig) {
			for range 1000 {
				r.Busy()
				r.pass(10 * time.Millisecond)
				r.Handled(request)
			}
		},
		"a handler shorter than an interval": func(r *rig) {
			for range 100 {
				r.Busy()
				r.pass(Interval - time.Millisecond)
				r.Handled(request)
				r.Waits()
				r.pass(7 * time.Millisecond)
			}
		},
		"a long turn without handlers, and a short one": func(r *rig) {
			r.Busy()
			r.pass(5 * Interval)
			r.Waits()
			r.pass(Interval)
			r.Busy()
			r.Handled(request)
		},
		"nobody watches": func(*rig) {
			var l *Loop
			l.Busy()
			l.Handled(request)
			l.Waits()
		},
	} {
		r := newRig()
		play(r)
		if r.log.Len() > 0 {
			t.Errorf("%s: %s", name, &r.log)
		}
	}
}

// TestManyShortHandlersAreNotBlamed: the turn is long, but none of them is.
func TestManyShortHandlersAreNotBlamed(t *testing.T) {
	r := newRig()
	r.Busy()
	for range 300 {
		r.pass(time.Millisecond)
		r.Handled(request)
	}
	if got := r.log.String(); strings.Contains(got, "blocked") || strings.Count(got, "in one turn") != 1 {
		t.Errorf("log %q; want one line on a busy turn", got)
	}
}

func TestAtMostOnceASecond(t *testing.T) {
	r := newRig()
	for range 50 { // ten seconds
		r.Busy()
		r.pass(200 * time.Millisecond)
		r.Handled(request)
		r.Waits()
	}
	if n := strings.Count(r.log.String(), "\n"); n < 9 || n > 10 {
		t.Errorf("%d lines in ten seconds", n)
	}
}

func TestHandlerThatNeverReturns(t *testing.T) {
	r := newRig()
	r.Busy()
	r.pass(3500 * time.Millisecond)
	if n := strings.Count(r.log.String(), "has not returned"); n != 3 {
		t.Errorf("%d lines in 3.5 seconds; want one a second\n%s", n, &r.log)
	}
}

func TestDescribe(t *testing.T) {
	for in, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n": "GET /",
		"POST /echo HTTP/1.1\r\n":           "POST /echo",
		"":                                  "of 0 bytes: ",
		"hello":                             "of 5 bytes: hello",
		"\x00\x01\x02":                      "of 3 bytes",
		"GET /\xff HTTP/1.1\r\n":            "of 17 bytes",
		"GET /" + strings.Repeat("x", 200) + " HTTP/1.1\r\n": "of 216 bytes: GET /" + strings.Repeat("x", 75),
	} {
		if got := describe([]byte(in)); got != want {
			t.Errorf("describe(%.30q) = %q; want %q", in, got, want)
		}
	}
}

// TestStart: with the real clock, and under the race detector.
func TestStart(t *testing.T) {
	var log lockedBuffer
	d := New(slog.New(slog.NewTextHandler(&log, nil)))
	l := d.Watch()
	defer d.Start()()
	for end := time.Now().Add(20 * time.Second); !strings.Contains(log.String(), "GET /delay/200"); {
		l.Busy()
		time.Sleep(4 * Interval)
		l.Handled(request)
		l.Waits()
		if time.Now().After(end) {
			t.Fatal("nothing was logged")
		}
	}
}

func TestAllocsPerRun(t *testing.T) {
	l := New(slog.New(slog.DiscardHandler)).Watch()
	if n := testing.AllocsPerRun(100, func() { l.Busy(); l.Handled(request); l.Waits() }); n != 0 {
		t.Errorf("%v allocations per turn", n)
	}
}

func BenchmarkTurn(b *testing.B) {
	l := New(slog.New(slog.DiscardHandler)).Watch()
	for b.Loop() {
		l.Busy()
		l.Handled(request)
	}
}

// lockedBuffer is written by one goroutine and read by another.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
