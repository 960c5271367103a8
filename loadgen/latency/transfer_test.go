package latency

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
)

// TestTransferIsExact: merging histograms that travelled is merging the histograms.
func TestTransferIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	whole, merged := New(Exact), New(Exact)
	for range 5 {
		part, arrived := New(Exact), &Histogram{}
		for range 20_000 {
			ns := int64(random.ExpFloat64() * 1e6)
			if random.IntN(1000) == 0 {
				ns = 1 << 60
			}
			whole.Record(ns)
			part.Record(ns)
		}
		text, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, arrived); err != nil {
			t.Fatal(err)
		}
		merged.Merge(arrived)
	}
	if !reflect.DeepEqual(whole, merged) {
		t.Error("five histograms that travelled do not merge into the whole")
	}
}

func TestTransferRefusesNonsense(t *testing.T) {
	for name, text := range map[string]string{
		"no precision":    `{}`,
		"bucket too high": `{"bits":7,"buckets":[[100000,1]]}`,
		"negative count":  `{"bits":7,"buckets":[[1,-1]]}`,
		"no object":       `[]`,
	} {
		if err := json.Unmarshal([]byte(text), &Histogram{}); err == nil {
			t.Errorf("%s: read without complaint", name)
		}
	}
}
