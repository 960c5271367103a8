package oracle

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary is an oracle too, so that freezing one can be tested.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "oracle" {
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func start(t *testing.T, spec Spec) *Handle {
	t.Helper()
	h, err := StartHere(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func dial(t *testing.T, h *Handle) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", h.Addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// exchange sends s, in two parts, and returns n bytes of what comes back, or what came before
// the end.
func exchange(t *testing.T, c net.Conn, s string, n int) string {
	t.Helper()
	for _, part := range []string{s[:3], s[3:]} {
		if _, err := io.WriteString(c, part); err != nil {
			t.Fatal(err)
		}
	}
	b := make([]byte, n)
	got, _ := io.ReadFull(bufio.NewReader(c), b)
	return string(b[:got])
}

func report(t *testing.T, h *Handle) Report {
	t.Helper()
	r, err := h.Report()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEchoesWhenDueAndCounts(t *testing.T) {
	const delay = 20 * time.Millisecond
	h := start(t, Spec{Size: 8, Rule: Fixed(delay), Stamped: 1})
	c := dial(t, h)
	from := time.Now()
	for range 3 {
		if got := exchange(t, c, "abcdefgh", 8); got != "abcdefgh" {
			t.Fatalf("echoed %q", got)
		}
	}
	if took := time.Since(from); took < 3*delay {
		t.Errorf("three replies took %v, each was due after %v", took, delay)
	}
	r := report(t, h)
	if r.Requests != 3 || r.Replies != 3 || r.BytesIn != 24 || r.BytesOut != 24 || r.Accepted != 1 ||
		r.Carried[3] != 1 || r.Fates[Answer] != 3 {
		t.Errorf("%+v", r.Counts)
	}
	times := r.Times()
	if len(times) != 3 || times[1]-times[0] < int64(delay) {
		t.Errorf("arrivals %v", times)
	}
	if r.Held.N != 3 || r.Held.P50 < int64(delay) || r.Late.Max < 0 {
		t.Errorf("held %+v, late %+v", r.Held, r.Late)
	}
	// The kernel begins to stamp a little after it is asked to.
	if r.Kernel.N < 1 || r.Kernel.N > 3 || r.Kernel.P50 < int64(delay) {
		t.Errorf("the kernel's view is %+v", r.Kernel)
	}
}

func TestFates(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: oracle\r\n\r\n"
	for fate, want := range map[string]string{
		Answer: right, Reset: "", Fin: "", Half: right[:len(right)/2], Garbage: garbage, Wrong: wrong,
		Error500: failed, Error404: missing,
	} {
		t.Run(fate, func(t *testing.T) {
			h := start(t, Spec{Proto: "http", Fates: []string{fate}})
			got := exchange(t, dial(t, h), get, max(len(want), 1))
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if r := report(t, h); r.Fates[fate] != 1 || r.BytesOut != uint64(len(want)) {
				t.Errorf("%+v", r.Counts)
			}
		})
	}
}

func TestSilence(t *testing.T) {
	h := start(t, Spec{Size: 4, Fates: []string{Answer, Silence}})
	c := dial(t, h)
	if got := exchange(t, c, "abcd", 4); got != "abcd" {
		t.Fatalf("echoed %q", got)
	}
	if err := c.SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if got := exchange(t, c, "abcd", 4); got != "" {
		t.Errorf("the silent reply is %q", got)
	}
	if r := report(t, h); r.Requests != 2 || r.Replies != 1 || r.Fates[Silence] != 1 {
		t.Errorf("%+v", r.Counts)
	}
}

func TestHeldConnectionsAreAcceptedWhenTold(t *testing.T) {
	h := start(t, Spec{Size: 4, Hold: true})
	c := dial(t, h) // the kernel completes the handshake
	if r := report(t, h); r.Accepted != 0 {
		t.Errorf("accepted %d", r.Accepted)
	}
	if err := h.Accept(); err != nil {
		t.Fatal(err)
	}
	if got := exchange(t, c, "abcd", 4); got != "abcd" {
		t.Errorf("echoed %q", got)
	}
}

func TestFreeze(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h, err := Start(exec.CommandContext(t.Context(), self, "oracle"), Spec{Size: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Stop()
	c := dial(t, h)
	exchange(t, c, "abcd", 4)
	frozen := make(chan time.Duration)
	go func() {
		d, err := h.Freeze(200 * time.Millisecond)
		if err != nil {
			t.Error(err)
		}
		frozen <- d
	}()
	for longest := time.Duration(0); longest < 150*time.Millisecond; {
		from := time.Now()
		if got := exchange(t, c, "abcd", 4); got != "abcd" {
			t.Fatalf("echoed %q", got)
		}
		longest = max(longest, time.Since(from))
	}
	if d := <-frozen; d < 200*time.Millisecond {
		t.Errorf("frozen for %v", d)
	}
}

func TestBadSpecsAreRefused(t *testing.T) {
	for name, spec := range map[string]Spec{
		"protocol": {Proto: "smtp"},
		"size":     {Size: 1},
		"fate":     {Fates: []string{"luck"}},
		"echo 500": {Fates: []string{Error500}},
		"count":    {Ports: -1},
		"rule":     {Rule: Rule{Kind: "whim"}},
	} {
		if h, err := StartHere(spec); err == nil {
			t.Errorf("%s: taken", name)
			h.Stop()
		}
	}
}

func TestImportsNothingOfThisModule(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `"iomodels`+`/`) {
			t.Errorf("%s imports a package of this module", f.Name())
		}
	}
}
