package latency

import (
	"encoding/json"
	"fmt"
)

// transfer is a histogram on its way from one process to another: the buckets in use, and the
// exact figures that buckets do not hold.
type transfer struct {
	Bits    int         `json:"bits"`
	Buckets [][2]uint64 `json:"buckets,omitempty"` // which, and how many
	Sum     uint64      `json:"sum"`
	Max     int64       `json:"max"`
	Over    uint64      `json:"over"`
}

// MarshalJSON writes all a histogram holds: what is read back merges like the original.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	t := transfer{Bits: h.bits, Sum: h.sum, Max: h.max, Over: h.over}
	for i, n := range h.counts {
		if n > 0 {
			t.Buckets = append(t.Buckets, [2]uint64{uint64(i), n})
		}
	}
	return json.Marshal(t)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *Histogram) UnmarshalJSON(text []byte) error {
	var t transfer
	if err := json.Unmarshal(text, &t); err != nil {
		return fmt.Errorf("read a histogram: %w", err)
	}
	if t.Bits != Exact && t.Bits != Coarse {
		return fmt.Errorf("read a histogram: precision %d: want %d or %d", t.Bits, Exact, Coarse)
	}
	*h = *New(t.Bits)
	for _, b := range t.Buckets {
		if b[0] >= uint64(len(h.counts)) {
			return fmt.Errorf("read a histogram: bucket %d of %d", b[0], len(h.counts))
		}
		h.counts[b[0]] += b[1]
		h.n += b[1]
	}
	h.sum, h.max, h.over = t.Sum, t.Max, t.Over
	return nil
}
