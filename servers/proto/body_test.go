package proto

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestBodyBudget: bodies that wait share one budget. Beyond it there is 503; it comes back when
// a body is answered, when its connection is gone, or when nobody remembers the session.
func TestBodyBudget(t *testing.T) {
	const budget = 10_000
	srv := newServer(t.Context(), Limits{BodyBudget: budget})
	incomplete := strings.TrimSuffix(postOf(strings.Repeat("b", 6001)), "b")
	first := srv.newSession()
	feed(t, first, incomplete, Continue)
	refused := srv.newSession()
	if out := feed(t, refused, incomplete, Linger); !strings.HasPrefix(out, "HTTP/1.1 503 ") {
		t.Errorf("beyond the budget:\n%s", out)
	}
	feed(t, srv.newSession(), hello+postOf("whole bodies need no buffer"), Continue)
	feed(t, first, "b", Continue)
	if left := srv.bodies.budget.Load(); left != budget {
		t.Errorf("%d left after the answer", left)
	}
	second := srv.newSession()
	feed(t, second, incomplete, Continue)
	Release(second)
	Release(second)
	if left := srv.bodies.budget.Load(); left != budget {
		t.Errorf("%d left after Release", left)
	}
	if out := feed(t, second, hello, Close); out != "" {
		t.Errorf("output after Release: %q", out)
	}
	feed(t, srv.newSession(), incomplete, Continue)
	for deadline := time.Now().Add(10 * time.Second); srv.bodies.budget.Load() != budget; {
		if time.Now().After(deadline) {
			t.Fatalf("%d left after the session was forgotten", srv.bodies.budget.Load())
		}
		runtime.GC()
	}
}

// TestSharedBudget: sessions are used by one goroutine each, what they share by all of them.
func TestSharedBudget(t *testing.T) {
	const budget = 40_000
	srv := newServer(t.Context(), Limits{BodyBudget: budget})
	in := []byte(postOf(strings.Repeat("b", 5000)))
	var served, refused atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 100 {
				switch _, v := drive(srv.newSession(), in, []int{1000, 2000, 5000}); v {
				case Continue:
					served.Add(1)
				case Linger:
					refused.Add(1)
				}
				if srv.bodies.budget.Load() < 0 {
					t.Error("the budget is overdrawn")
				}
			}
		})
	}
	wg.Wait()
	if left := srv.bodies.budget.Load(); left != budget || served.Load() == 0 || served.Load()+refused.Load() != 2000 {
		t.Errorf("%d left, %d served, %d refused", left, served.Load(), refused.Load())
	}
}

// TestBodyGrowsWithWhatArrives: an announcement costs the peer nothing, so it must cost us
// nothing.
func TestBodyGrowsWithWhatArrives(t *testing.T) {
	srv := newServer(t.Context(), Limits{})
	feed(t, srv.newSession(), "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 16000000\r\n\r\nb", Continue)
	if used := DefaultBodyBudget - srv.bodies.budget.Load(); used > 1024 {
		t.Errorf("one byte of a body takes %d", used)
	}
}

func TestLongBodies(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 1<<20) // as large as the default limit allows
	var chunks strings.Builder
	chunks.WriteString("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	for rest := body; rest != ""; {
		n := min(len(rest), 100_000)
		fmt.Fprintf(&chunks, "%x\r\n%s\r\n", n, rest[:n])
		rest = rest[n:]
	}
	chunks.WriteString("0\r\n\r\n")
	for name, in := range map[string]string{"length": postOf(body), "chunked": chunks.String()} {
		for _, size := range []int{16 << 10, 1 << 30} {
			srv := newServer(t.Context(), Limits{})
			var cuts []int
			for at := size; at < len(in); at += size {
				cuts = append(cuts, at)
			}
			out, v := drive(srv.newSession(), []byte(in), cuts)
			if got := bodiesOf(t, out); v != Continue || len(got) != 1 || got[0] != body {
				t.Errorf("%s in pieces of %d: verdict %v, %d answers", name, size, v, len(got))
			}
			if left := srv.bodies.budget.Load(); left != DefaultBodyBudget {
				t.Errorf("%s in pieces of %d: %d of the budget left", name, size, left)
			}
		}
	}
}
