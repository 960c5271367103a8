package history

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Key names a series.
type Key struct{ Place, Model, Metric string }

// Point is a campaign's figure in a series.
type Point struct {
	Commit   string
	Measured time.Time
	Cell     Cell
}

// Sound reports whether the figure may count in a trend.
func (p Point) Sound() bool { return !slices.Contains(p.Cell.Flags, FlagUnsound) }

// Series returns the points of a key, of one class, oldest first. Of two classes there is no
// series: draw two.
func Series(lines []Line, class string, key Key) []Point {
	var points []Point
	for _, l := range lines {
		if l.Class != class {
			continue
		}
		if c, ok := l.cell(key); ok {
			points = append(points, Point{Commit: l.Commit, Measured: l.Measured, Cell: c})
		}
	}
	slices.SortStableFunc(points, func(a, b Point) int { return a.Measured.Compare(b.Measured) })
	return points
}

func (l Line) cell(key Key) (Cell, bool) {
	for _, c := range l.Cells {
		if c.key() == key {
			return c, true
		}
	}
	return Cell{}, false
}

func (c Cell) key() Key { return Key{c.Place, c.Model, c.Metric} }

// Keys returns the series that a class has, ordered by place, metric and model.
func Keys(lines []Line, class string) []Key {
	seen := map[Key]bool{}
	for _, l := range lines {
		if l.Class == class {
			for _, c := range l.Cells {
				seen[c.key()] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Model, b.Model))
	})
}

// Classes returns the classes of a history, the one measured last first.
func Classes(lines []Line) []string {
	last := map[string]time.Time{}
	for _, l := range lines {
		if l.Measured.After(last[l.Class]) || last[l.Class].IsZero() {
			last[l.Class] = l.Measured
		}
	}
	return slices.SortedFunc(maps.Keys(last), func(a, b string) int {
		return cmp.Or(last[b].Compare(last[a]), cmp.Compare(a, b))
	})
}

// ClassError says that absolute figures of two kinds of machine were to be compared, and in
// what the machines differ.
type ClassError struct {
	A, B   string
	Differ []string
}

func (e *ClassError) Error() string {
	return fmt.Sprintf("the machines are of different classes, %s and %s (%s): absolute figures do not compare; "+
		"compare the ratios to the baseline", e.A, e.B, strings.Join(e.Differ, "; "))
}

// Shift is a figure of one campaign over that of another.
type Shift struct {
	Key    Key
	Before Cell
	After  Cell
	// Ratio is after over before; Lo and Hi hold it if both intervals hold theirs.
	Ratio, Lo, Hi float64
	// Apart: the two intervals do not touch. That is no test and no verdict; it is what to
	// measure side by side next.
	Apart bool
}

// CompareRatios compares what two campaigns found relative to their baselines. They may be of
// different machines; the reference must be the same.
func CompareRatios(before, after Line) ([]Shift, error) {
	if before.Baseline != after.Baseline || before.Epoch != after.Epoch {
		return nil, fmt.Errorf("the references differ: %s of epoch %s, and %s of epoch %s",
			before.Baseline, before.Epoch, after.Baseline, after.Epoch)
	}
	return shifts(before, after, func(c Cell) (float64, float64, float64) { return c.Ratio, c.Lo, c.Hi }), nil
}

// CompareAbsolutes compares figures as they are, or returns *ClassError.
func CompareAbsolutes(before, after Line) ([]Shift, error) {
	if before.Class != after.Class {
		return nil, &ClassError{before.Class, after.Class, machineDifferences(before, after)}
	}
	return shifts(before, after, func(c Cell) (float64, float64, float64) { return c.Abs, c.AbsLo, c.AbsHi }), nil
}

// shifts compares the sound figures that both have, the largest change first.
func shifts(before, after Line, of func(Cell) (v, lo, hi float64)) []Shift {
	var out []Shift
	for _, b := range before.Cells {
		a, ok := after.cell(b.key())
		sound := (Point{Cell: a}).Sound() && (Point{Cell: b}).Sound()
		va, loA, hiA := of(a)
		vb, loB, hiB := of(b)
		if !ok || !sound || vb <= 0 || va <= 0 || loB <= 0 || loA <= 0 {
			continue
		}
		out = append(out, Shift{
			Key: b.key(), Before: b, After: a, Ratio: va / vb, Lo: loA / hiB, Hi: hiA / loB,
			Apart: loA > hiB || hiA < loB,
		})
	}
	slices.SortStableFunc(out, func(a, b Shift) int {
		return -cmp.Compare(math.Abs(math.Log(a.Ratio)), math.Abs(math.Log(b.Ratio)))
	})
	return out
}

// machineDifferences says in words in what two machines, or their references, differ.
func machineDifferences(a, b Line) []string {
	names := map[string]bool{}
	for _, fp := range []map[string]string{a.Machine, b.Machine} {
		for name := range fp {
			names[name] = true
		}
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if va, vb := a.Machine[name], b.Machine[name]; va != vb {
			out = append(out, fmt.Sprintf("%s %q and %q", name, va, vb))
		}
	}
	if a.Epoch != b.Epoch {
		out = append(out, fmt.Sprintf("reference epoch %s and %s", a.Epoch, b.Epoch))
	}
	if a.Baseline != b.Baseline {
		out = append(out, fmt.Sprintf("baseline %s and %s", a.Baseline, b.Baseline))
	}
	return out
}
