package gate

import "testing"

func TestSettle(t *testing.T) {
	for _, tc := range []struct {
		name          string
		metric        string
		values        []float64
		figure, doubt float64
		steady        bool
	}{
		{"the least, confirmed", Lockstep, []float64{3.4, 3, 3.01}, 3, 0.01, true},
		{"not confirmed", Lockstep, []float64{3.4, 3, 3.1}, 3, 0.1, false},
		{"one alone", Allocs, []float64{2}, 2, 0, true},
		{"memory, the middle", Bytes, []float64{120, 100, 110}, 110, 20, true},
		{"memory that wavers", Bytes, []float64{120, 20, 110}, 110, 100, false},
	} {
		figure, doubt := settle(tc.metric, tc.values)
		if figure != tc.figure || doubt < tc.doubt-1e-9 || doubt > tc.doubt+1e-9 {
			t.Errorf("%s: %v in doubt by %v, want %v by %v", tc.name, figure, doubt, tc.figure, tc.doubt)
		}
		c := Counts{Values: map[string][]float64{tc.metric: tc.values}}
		if c.steady() != tc.steady {
			t.Errorf("%s: steady is %v", tc.name, !tc.steady)
		}
	}
}
