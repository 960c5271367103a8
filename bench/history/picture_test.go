package history

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// elements counts the elements of an SVG, and fails at what is not well-formed.
func elements(t *testing.T, svg []byte) map[string]int {
	t.Helper()
	count := map[string]int{}
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			t.Fatalf("%v:\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok {
			count[e.Name.Local]++
		}
	}
}

func TestPictures(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	key := Key{Place: "proto=echo <conns>", Model: "reactor", Metric: "norm"}
	unsound := series(rng, 3, 0.01, 0, 1)
	for i := range unsound {
		unsound[i].Cell.Flags = []string{FlagUnsound}
	}
	for _, tc := range []struct {
		name   string
		points []Point
		paths  int // band, line, interval of the last point, change
		spark  string
		badge  string
	}{
		{"nothing", nil, 0, "no campaign recorded yet", "no data"},
		{"nothing sound", unsound, 0, "no campaign recorded yet", "no data"},
		{"one", series(rng, 1, 0.01, 0, 1), 1, "1 campaigns", "×"},
		{"steady", series(rng, 40, 0.01, 0, 1), 3, "40 campaigns", "#1f7a4d"},
		{"a step", series(rng, 40, 0.01, 10, 0.8), 4, "stroke-dasharray", "moved"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			spark, badge := Sparkline(key, tc.points), Badge(key, "goroutine", tc.points)
			if got := elements(t, spark)["path"]; got != tc.paths || !strings.Contains(string(spark), tc.spark) {
				t.Errorf("%d paths, want %d:\n%s", got, tc.paths, spark)
			}
			if elements(t, badge)["text"] != 2 || !strings.Contains(string(badge), tc.badge) {
				t.Errorf("badge:\n%s", badge)
			}
			if !bytes.Equal(spark, Sparkline(key, tc.points)) {
				t.Error("the same series is drawn in two ways")
			}
			for _, picture := range [][]byte{spark, badge} {
				if bytes.Contains(picture, []byte("NaN")) || bytes.Contains(picture, []byte("Inf")) {
					t.Errorf("a place that is no number:\n%s", picture)
				}
			}
		})
	}
}
