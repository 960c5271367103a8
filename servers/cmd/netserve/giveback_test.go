package main

import (
	"os"
	"testing"
)

func TestLeaveNoticesWhenACrowdHasLeft(t *testing.T) {
	quiet := func(n int) []int { return []int{n, n, n, n, n, n, n, n, n, n} }
	for _, c := range []struct {
		name string
		seen [][]int
		want int
	}{
		{"nobody came", [][]int{quiet(10)}, 0},
		{"the crowd stays", [][]int{quiet(10), quiet(10_000)}, 0},
		{"all leave", [][]int{quiet(10), {10_000}, {7000, 3000, 500}, quiet(10)}, 1},
		{"a few leave", [][]int{quiet(10_000), quiet(9000)}, 0},
		{"a small crowd leaves", [][]int{quiet(10 + massLeave - 1), quiet(10)}, 0},
		{"they are still leaving", [][]int{quiet(10_000), {900, 800, 700, 600, 500, 400}}, 0},
		{"twice", [][]int{{10_000}, quiet(10), {10_000}, quiet(10)}, 2},
		{"churn", [][]int{quiet(1000), {990, 1000, 980, 1000}, quiet(1000)}, 0},
	} {
		crowd, got := leave{}, 0
		for _, seen := range c.seen {
			for _, n := range seen {
				if crowd.over(n) {
					got++
				}
			}
		}
		if got != c.want {
			t.Errorf("%s: noticed %d times; want %d", c.name, got, c.want)
		}
	}
}

func TestOpenFilesCounts(t *testing.T) {
	before := openFiles()
	if before == 0 {
		t.Skip("this kernel does not say how many files are open (before 6.2)")
	}
	r, w := pipe(t)
	if got := openFiles(); got != before+2 {
		t.Errorf("%d files are open after a pipe was made, %d before", got, before)
	}
	r.Close()
	w.Close()
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}
