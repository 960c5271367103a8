package latency

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

const samples = 1_000_000

var quantiles = []float64{0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 0.99999, 1}

func distributions() map[string][]int64 {
	r := rand.New(rand.NewPCG(1, 2))
	d := map[string][]int64{
		"one sample": {123_456_789},
		"zeros":      make([]int64, 1000),
		"top":        slices.Repeat([]int64{1<<maxBits - 1}, 1000),
	}
	for range samples {
		d["lognormal"] = append(d["lognormal"], int64(math.Exp(r.NormFloat64()*2+10)))
		d["pareto"] = append(d["pareto"], int64(min(50_000*math.Pow(1-r.Float64(), -1/1.2), 1<<41)))
		d["constant"] = append(d["constant"], 87_654_321)
		d["small"] = append(d["small"], r.Int64N(3000))
	}
	return d
}

func record(precision int, values []int64) *Histogram {
	h := New(precision)
	for _, v := range values {
		h.Record(v)
	}
	return h
}

func TestQuantilesMatchAnExactSort(t *testing.T) {
	for name, values := range distributions() {
		t.Run(name, func(t *testing.T) {
			for precision, allowed := range map[int]float64{Exact: 0.001, Coarse: 0.0085} {
				compareWithSort(t, record(precision, values), values, allowed)
			}
		})
	}
}

func compareWithSort(t *testing.T, h *Histogram, values []int64, allowed float64) {
	t.Helper()
	sorted := slices.Sorted(slices.Values(values))
	for _, q := range quantiles {
		want := sorted[max(int(math.Ceil(q*float64(len(sorted))*(1-1e-14))), 1)-1]
		if got := h.Quantile(q); math.Abs(float64(got-want)) > allowed*float64(want) {
			t.Errorf("quantile %v = %d, want %d within %v", q, got, want, allowed)
		}
	}
	var sum uint64
	for _, v := range values {
		sum += uint64(v)
	}
	if h.Count() != uint64(len(values)) || h.Sum() != sum || h.Max() != sorted[len(sorted)-1] {
		t.Errorf("count %d, sum %d, max %d; want %d, %d, %d",
			h.Count(), h.Sum(), h.Max(), len(values), sum, sorted[len(sorted)-1])
	}
}

func TestMergeOfPartsIsBitEqual(t *testing.T) {
	for name, values := range distributions() {
		t.Run(name, func(t *testing.T) {
			whole, merged := record(Exact, values), New(Exact)
			for part := range 8 {
				h := New(Exact)
				for i := part; i < len(values); i += 8 {
					h.Record(values[i])
				}
				merged.Merge(h)
			}
			if !slices.Equal(whole.counts, merged.counts) || whole.n != merged.n ||
				whole.sum != merged.sum || whole.max != merged.max {
				t.Error("parts merged differ from the whole")
			}
		})
	}
}

func TestEveryBucketHoldsItsMiddle(t *testing.T) {
	for _, precision := range []int{Exact, Coarse} {
		h := New(precision)
		last := int64(-1)
		for i := range h.counts {
			m := h.middle(i)
			if got := h.bucket(uint64(m)); got != i || m <= last {
				t.Fatalf("precision %d: bucket %d has middle %d (after %d), which falls into %d", precision,
					i, m, last, got)
			}
			last = m
		}
	}
}

func TestOverRangeIsFlaggedAndKept(t *testing.T) {
	h := New(Exact)
	h.Record(1 << maxBits)
	h.Record(math.MaxInt64)
	h.Record(5)
	if h.Over() != 2 || h.Count() != 3 || h.Max() != 1<<maxBits-1 {
		t.Errorf("over %d, count %d, max %d", h.Over(), h.Count(), h.Max())
	}
	h.Record(-1)
	if h.Quantile(0) != 0 {
		t.Errorf("a negative sample counts as %d, want 0", h.Quantile(0))
	}
}

func TestEmptyAndReset(t *testing.T) {
	h := record(Coarse, []int64{1, 2, 3})
	h.Reset()
	if h.Count() != 0 || h.Sum() != 0 || h.Max() != 0 || h.Quantile(0.5) != 0 || h.Mean() != 0 ||
		h.Curve() != nil {
		t.Errorf("a reset histogram remembers: %+v", h)
	}
}

func TestSupportsAtPublishedLimits(t *testing.T) {
	for q, n := range map[float64]uint64{0.99: 563, 0.999: 5662, 0.9999: 56_647} {
		if Supports(n-1, q) || !Supports(n, q) {
			t.Errorf("quantile %v: %d supported %v, %d supported %v", q, n-1, Supports(n-1, q), n,
				Supports(n, q))
		}
	}
}

func TestCurveEndsWhereTheSampleDoes(t *testing.T) {
	for _, n := range []int{1, 7, 1000, 12_345} {
		h := New(Exact)
		for i := range n {
			h.Record(int64(i+1) * 1000)
		}
		c := h.Curve()
		if end := c[len(c)-1].Q; end > 1-1/float64(n)+1e-12 || end < 1-1.3/float64(n) && n > 1 {
			t.Errorf("curve of %d samples ends at %v", n, end)
		}
		if !slices.IsSortedFunc(c, func(a, b Point) int { return int(a.NS - b.NS) }) {
			t.Errorf("curve of %d samples goes down", n)
		}
	}
}

func TestHGRMCanBeReadBack(t *testing.T) {
	h := record(Exact, distributions()["lognormal"])
	var out bytes.Buffer
	if err := h.WriteHGRM(&out, 1e6); err != nil {
		t.Fatal(err)
	}
	var rows int
	for line := range strings.Lines(out.String()) {
		var value, q, tail float64
		var count uint64
		if n, _ := fmt.Sscan(line, &value, &q, &count, &tail); n < 3 {
			continue
		}
		rows++
		if want := float64(h.Quantile(q)) / 1e6; math.Abs(value-want) > 0.001*want {
			t.Errorf("row %q: quantile is %v", line, want)
		}
	}
	if rows < 50 {
		t.Errorf("only %d rows:\n%s", rows, out.String())
	}
	if err := h.WriteHGRM(failing{}, 1e6); err == nil {
		t.Error("a write that fails is not reported")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// TestAgreesWithHdrHistogram holds our buckets against the well-known implementation.
func TestAgreesWithHdrHistogram(t *testing.T) {
	values := distributions()["pareto"]
	ours, theirs := record(Exact, values), hdr.New(1, 1<<maxBits, 3)
	for _, v := range values {
		if err := theirs.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range quantiles[2:] {
		a, b := float64(ours.Quantile(q)), float64(theirs.ValueAtQuantile(q*100))
		if math.Abs(a-b) > 0.002*b {
			t.Errorf("quantile %v: ours %v, theirs %v", q, a, b)
		}
	}
}

func TestRecordDoesNotAllocate(t *testing.T) {
	h := New(Exact)
	if n := testing.AllocsPerRun(1000, func() { h.Record(123_456) }); n != 0 {
		t.Errorf("%v allocations per sample", n)
	}
}

func FuzzMergeEqualsWhole(f *testing.F) {
	f.Add([]byte("any bytes"), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		whole, parts := New(Coarse), [2]*Histogram{New(Coarse), New(Coarse)}
		var v int64
		for i, b := range data {
			v = v<<7 ^ int64(b)
			whole.Record(v)
			parts[(i+int(cut))%2].Record(v)
		}
		parts[0].Merge(parts[1])
		if !slices.Equal(whole.counts, parts[0].counts) || whole.sum != parts[0].sum ||
			whole.max != parts[0].max {
			t.Errorf("merged %+v, want %+v", parts[0], whole)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	h := New(Exact)
	for v := int64(0); b.Loop(); v++ {
		h.Record(50_000 + v&0xffff)
	}
}

func BenchmarkRecordHdrHistogram(b *testing.B) {
	h := hdr.New(1, 1<<maxBits, 3)
	for v := int64(0); b.Loop(); v++ {
		_ = h.RecordValue(50_000 + v&0xffff)
	}
}

func TestAboveCountsWhatIsLonger(t *testing.T) {
	h := New(Exact)
	for _, ns := range []int64{0, 1000, 2000, 1_000_000, 2_000_000, 1 << 50} {
		h.Record(ns)
	}
	for ns, want := range map[int64]uint64{-5: 5, 0: 5, 999: 5, 1000: 4, 1_000_000: 2, 3_000_000: 1, 1 << 60: 0} {
		if got := h.Above(ns); got != want {
			t.Errorf("%d samples above %d ns, want %d", got, ns, want)
		}
	}
}
