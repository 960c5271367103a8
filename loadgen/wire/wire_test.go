package wire

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// step is one outcome and the connection's standing after it.
type step struct {
	o             Outcome
	lost, closing bool
}

// play feeds a received stream in the given cuts, to the dialog's first connection, and then
// its end. It returns every outcome but More.
func play(t *testing.T, d Dialog, kind uint8, stream string, cuts []int) []step {
	t.Helper()
	var s State
	d.Start(&s, 0)
	defer d.Stop(&s)
	var steps []step
	for _, piece := range split(stream, cuts) {
		for in := []byte(piece); len(in) > 0 && !s.lost; {
			used, o := d.Feed(&s, kind, in)
			if used <= 0 || used > len(in) || (o == More && used != len(in)) {
				t.Fatalf("Feed(%q) used %d bytes with outcome %v", in, used, o)
			}
			if in = in[used:]; o != More {
				steps = append(steps, step{o, s.Lost(), s.Closing()})
			}
		}
	}
	if !s.lost {
		if o := d.EOF(&s, kind); o != EOF {
			steps = append(steps, step{o, s.Lost(), s.Closing()})
		}
	}
	return steps
}

func split(stream string, cuts []int) []string {
	var pieces []string
	last := 0
	for _, cut := range cuts {
		pieces = append(pieces, stream[last:cut])
		last = cut
	}
	return append(pieces, stream[last:])
}

// inEveryWay plays a stream whole, byte by byte, and in random cuts: the outcomes must be equal.
func inEveryWay(t *testing.T, d Dialog, kind uint8, stream string, want []step) {
	t.Helper()
	if got := play(t, d, kind, stream, nil); !slices.Equal(got, want) {
		t.Fatalf("whole: %v, want %v", got, want)
	}
	bytewise := make([]int, len(stream))
	for i := range bytewise {
		bytewise[i] = i
	}
	if got := play(t, d, kind, stream, bytewise); !slices.Equal(got, want) {
		t.Errorf("byte by byte: %v, want %v", got, want)
	}
	r := rand.New(rand.NewPCG(1, uint64(len(stream))))
	for range 50 {
		cuts := make([]int, 1+r.IntN(6))
		for i := range cuts {
			cuts[i] = r.IntN(len(stream) + 1)
		}
		slices.Sort(cuts)
		if got := play(t, d, kind, stream, cuts); !slices.Equal(got, want) {
			t.Errorf("cut at %v: %v, want %v", cuts, got, want)
		}
	}
}

func mustNew(t testing.TB, spec Spec) Dialog {
	t.Helper()
	d, err := New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// written collects what a dialog writes for n requests of one kind, taking a few bytes at a time.
func written(t testing.TB, d Dialog, s *State, kind uint8, n, most int) string {
	t.Helper()
	var out strings.Builder
	for left := n; left > 0; {
		b := d.Out(s, kind, left)
		if len(b) == 0 {
			t.Fatalf("nothing to write with %d requests left", left)
		}
		b = b[:min(len(b), most)]
		out.Write(b)
		left -= d.Wrote(s, kind, len(b))
	}
	return out.String()
}

func TestEchoVerifiesEveryByte(t *testing.T) {
	for _, size := range []int{1, 2, 64, 4096, period, 70_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			d := mustNew(t, Spec{Proto: "echo", Size: size, Pipeline: 4})
			var s State
			d.Start(&s, 0)
			stream := written(t, d, &s, 0, 4, 1<<20)
			if len(stream) != 4*size {
				t.Fatalf("4 messages of %d bytes are %d bytes", size, len(stream))
			}
			good := slices.Repeat([]step{{o: OK}}, 4)
			if size > 100 { // long streams are cut, but not byte by byte
				for _, cuts := range [][]int{nil, {1}, {size - 1, size + 1}, {100, 3 * size}} {
					if got := play(t, d, 0, stream, cuts); !slices.Equal(got, good) {
						t.Errorf("cut at %v: %v", cuts, got)
					}
				}
				return
			}
			inEveryWay(t, d, 0, stream, good)
			inEveryWay(t, d, 0, stream[:4*size-1]+"\x00", append(good[:3:3], step{o: WrongBody, lost: true}))
			if size > 1 {
				inEveryWay(t, d, 0, stream[:4*size-1], append(good[:3:3], step{o: Truncated}))
			}
		})
	}
}

func TestEchoNoticesStaleAndForeignMessages(t *testing.T) {
	const size = 64
	d := mustNew(t, Spec{Proto: "echo", Size: size})
	var mine, other State
	d.Start(&mine, 1)
	d.Start(&other, 2)
	first, second := written(t, d, &mine, 0, 1, size), written(t, d, &mine, 0, 1, size)
	foreign := written(t, d, &other, 0, 1, size)
	for name, stream := range map[string]string{
		"repeated": first + first, "swapped": second + first, "foreign": foreign + second,
	} {
		t.Run(name, func(t *testing.T) {
			var s State
			d.Start(&s, 1)
			used, o := d.Feed(&s, 0, []byte(stream))
			if o == OK {
				_, o = d.Feed(&s, 0, []byte(stream[used:]))
			}
			if o != WrongBody || !s.Lost() {
				t.Errorf("outcome %v, lost %v", o, s.Lost())
			}
		})
	}
}

func TestWritesAreTheSameInAnyPieces(t *testing.T) {
	for _, spec := range []Spec{
		{Proto: "echo", Size: 10, Pipeline: 8},
		{Proto: "echo", Size: 100_000, Pipeline: 1},
		{Proto: "frame", Size: 10, Pipeline: 8},
		{Proto: "frame", Size: 600_000, Pipeline: 8},
		{Proto: "http", Host: "h", Paths: []string{"/"}, Pipeline: 8},
		{Proto: "http", Host: "h", Paths: []string{"/echo"}, Size: 100, Pipeline: 8},
	} {
		t.Run(fmt.Sprintf("%s %v %d", spec.Proto, spec.Paths, spec.Size), func(t *testing.T) {
			d := mustNew(t, spec)
			var a, b State
			d.Start(&a, 5)
			d.Start(&b, 5)
			whole := written(t, d, &a, 0, 8, 1<<30)
			if pieces := written(t, d, &b, 0, 8, 7); pieces != whole {
				t.Error("bytes differ by how many are written at once")
			}
		})
	}
}

func TestNewRefusesNonsense(t *testing.T) {
	for name, spec := range map[string]Spec{
		"protocol":     {Proto: "gopher"},
		"size":         {Proto: "echo"},
		"no payload":   {Proto: "frame"},
		"frame size":   {Proto: "frame", Size: 1 << 30},
		"no slash":     {Proto: "http", Paths: []string{"index"}},
		"space":        {Proto: "http", Paths: []string{"/a b"}},
		"line feed":    {Proto: "http", Paths: []string{"/a\r\nX: y"}},
		"beyond ASCII": {Proto: "http", Paths: []string{"/é"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(spec); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestNothingIsAllocatedPerReply(t *testing.T) {
	for name, c := range map[string]struct {
		spec  Spec
		reply string // empty: what was written
	}{
		"http":  {Spec{Proto: "http", Host: "h"}, ok + "Content-Length: 13\r\n\r\n" + hello},
		"echo":  {Spec{Proto: "echo", Size: 64}, ""},
		"frame": {Spec{Proto: "frame", Size: 64}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, reply := mustNew(t, c.spec), []byte(c.reply)
			var s State
			d.Start(&s, 0)
			n := testing.AllocsPerRun(1000, func() {
				in := d.Out(&s, 0, 1)
				d.Wrote(&s, 0, len(in))
				if len(reply) > 0 {
					in = reply
				}
				if _, o := d.Feed(&s, 0, in); o != OK {
					t.Fatalf("outcome %v", o)
				}
			})
			if n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestOutcomesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for o := range Outcome(Outcomes) {
		if name := o.String(); name == "" || seen[name] {
			t.Errorf("outcome %d is called %q", o, name)
		} else {
			seen[name] = true
		}
	}
	if Outcome(200).String() != "outcome-200" {
		t.Errorf("an unknown outcome is called %q", Outcome(200))
	}
}
