package proto

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// vector is one connection of testdata/vectors.json, whose "format" explains the fields.
type vector struct {
	Name, Section, Level string
	Send                 []piece
	Methods              []string
	Expect               struct {
		Statuses                []int
		Close                   bool
		Bodies, Contains, Lacks []string
	}
	Also [][]int
}

type piece struct {
	Text  string
	Times int
	After int
}

// bytes turns Latin-1 text into the bytes it stands for.
func (p piece) bytes(t testing.TB) []byte {
	var b []byte
	for _, r := range p.Text {
		if r > 0xff {
			t.Fatalf("%q is no byte", r)
		}
		b = append(b, byte(r))
	}
	return bytes.Repeat(b, max(p.Times, 1))
}

func loadVectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Format  []string
		Vectors []vector
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		t.Fatal(err)
	}
	return file.Vectors
}

// drive feeds in, cut at the given places, to s, and obeys the verdicts as a model does. Input
// behind a final verdict is not fed.
func drive(s Session, in []byte, cuts []int) (out []byte, v Verdict) {
	from := 0
	for _, to := range append(slices.Clone(cuts), len(in)) {
		out, v = s.Feed(out, in[from:to])
		for v == Again {
			out, v = s.Feed(out, nil)
		}
		if v != Continue {
			return out, v
		}
		from = to
	}
	return out, v
}

// cutters are the ways to cut n bytes that every vector must not notice.
func cutters(name string) map[string]func(n int) []int {
	h := fnv.New64a()
	h.Write([]byte(name))
	rnd := rand.New(rand.NewPCG(h.Sum64(), 1))
	ways := map[string]func(n int) []int{
		"whole": func(int) []int { return nil },
		"bytes": func(n int) []int {
			cuts := make([]int, 0, n)
			for i := 1; i < n; i++ {
				cuts = append(cuts, i)
			}
			return cuts
		},
	}
	for i := range 20 {
		ways[fmt.Sprint("random", i)] = func(n int) []int {
			var cuts []int
			for at := 0; at < n; {
				at += 1 + rnd.IntN(1+rnd.IntN(2*n+1))
				if at < n {
					cuts = append(cuts, at)
				}
			}
			return cuts
		}
	}
	return ways
}

// play runs a vector on a fresh session.
func (v vector) play(t testing.TB, p Protocol, cut func(n int) []int) (out []byte, end Verdict) {
	s := p.New()
	var in []byte
	feed := func() {
		if end == Continue && len(in) > 0 {
			var o []byte
			o, end = drive(s, in, cut(len(in)))
			out = append(out, o...)
		}
		in = nil
	}
	for _, piece := range v.Send {
		if piece.After != 0 {
			feed()
			if !bytes.Contains(out, fmt.Appendf(nil, "HTTP/1.1 %d ", piece.After)) {
				t.Errorf("no status %d before the next piece; output:\n%s", piece.After, out)
			}
		}
		in = append(in, piece.bytes(t)...)
	}
	feed()
	return out, end
}

func TestVectors(t *testing.T) {
	p := HTTP(t.Context(), Limits{})
	for _, v := range loadVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			want, end := v.play(t, p, func(int) []int { return nil })
			v.judge(t, want, end)
			for way, cut := range cutters(v.Name) {
				got, gotEnd := v.play(t, p, cut)
				if got, want := sansDate(got), sansDate(want); got != want || gotEnd != end {
					t.Errorf("%s: verdict %v, output\n%.2000s\nwhole: verdict %v, output\n%.2000s",
						way, gotEnd, got, end, want)
				}
			}
		})
	}
}

// judge compares the output of a vector with what it expects.
func (v vector) judge(t *testing.T, out []byte, end Verdict) {
	t.Helper()
	if closes := end != Continue; closes != v.Expect.Close {
		t.Errorf("verdict %v, want close: %v", end, v.Expect.Close)
	}
	var statuses []int
	var bodies []string
	for rest := out; len(rest) > 0; {
		method := "GET"
		if len(bodies) < len(v.Methods) {
			method = v.Methods[len(bodies)]
		}
		r, next := parseHead(t, rest)
		r, rest = r.parseBody(t, next, method)
		statuses = append(statuses, r.status)
		if r.status >= 200 {
			bodies = append(bodies, r.body)
		}
	}
	if !slices.Equal(statuses, v.Expect.Statuses) {
		t.Errorf("statuses %v, want %v; output:\n%.2000s", statuses, v.Expect.Statuses, out)
	}
	if v.Expect.Bodies != nil && !slices.Equal(bodies, latin1(t, v.Expect.Bodies)) {
		t.Errorf("bodies %.500q, want %.500q", bodies, v.Expect.Bodies)
	}
	for _, text := range v.Expect.Contains {
		if !strings.Contains(string(out), text) {
			t.Errorf("no %q in output:\n%.2000s", text, out)
		}
	}
	for _, text := range v.Expect.Lacks {
		if strings.Contains(string(out), text) {
			t.Errorf("%q in output:\n%.2000s", text, out)
		}
	}
	if end == Linger && !strings.Contains(string(out), "Connection: close\r\n") {
		t.Errorf("the refusal does not say that it closes:\n%.2000s", out)
	}
	for _, status := range v.Also {
		if slices.Equal(status, v.Expect.Statuses) {
			t.Errorf("also repeats what is expected")
		}
	}
}

func latin1(t testing.TB, texts []string) (bodies []string) {
	for _, text := range texts {
		bodies = append(bodies, string(piece{Text: text}.bytes(t)))
	}
	return bodies
}

type response struct {
	status int
	head   string
	body   string
}

var contentLength = regexp.MustCompile(`\r\nContent-Length: ([0-9]+)\r\n`)

// parseHead cuts the head of a response off out. It is stricter than a client: every head that
// is not interim has a Date, and nothing stands between two responses.
func parseHead(t testing.TB, out []byte) (r response, rest []byte) {
	t.Helper()
	end := bytes.Index(out, []byte("\r\n\r\n"))
	if !bytes.HasPrefix(out, []byte("HTTP/1.1 ")) || end < 0 {
		t.Fatalf("no response at:\n%.500q", out)
	}
	r.head, rest = string(out[:end+4]), out[end+4:]
	r.status, _ = strconv.Atoi(r.head[9:12])
	if r.status >= 200 && !dateField.MatchString(r.head) {
		t.Fatalf("no Date in:\n%s", r.head)
	}
	return r, rest
}

// parseBody cuts the body of the response to a method off out.
func (r response) parseBody(t testing.TB, out []byte, method string) (_ response, rest []byte) {
	t.Helper()
	if r.status < 200 {
		return r, out
	}
	m := contentLength.FindStringSubmatch(r.head)
	if m == nil {
		t.Fatalf("no Content-Length in:\n%s", r.head)
	}
	n, _ := strconv.Atoi(m[1])
	if method == "HEAD" {
		n = 0
	}
	if len(out) < n {
		t.Fatalf("body of %d bytes, %d promised in:\n%s", len(out), n, r.head)
	}
	r.body = string(out[:n])
	return r, out[n:]
}

func (r response) closes() bool { return strings.Contains(r.head, "\r\n"+closeField) }

var dateField = regexp.MustCompile(`Date: [A-Z][^\r]{28}\r\n`)

// sansDate removes what may differ between two equal conversations: a test may cross a second,
// and 100 (Continue) may be left out when the body is there.
func sansDate(out []byte) string {
	text := dateField.ReplaceAllString(string(out), "")
	return strings.ReplaceAll(text, continueHead, "")
}
