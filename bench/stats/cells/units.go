package cells

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"iomodels/bench/stats"
)

// Unit knows how people write a quantity.
type Unit uint8

// The units. Values are always in the base unit: per second, seconds, bytes, plain.
const (
	Count   Unit = iota // a number of things: 10004; as a tick with a suffix: 10k
	Rate                // per second, with a suffix: 185k
	Seconds             // 5.23 µs, 1.20 ms, 3.00 s
	Bytes               // 142 B, 3.70 kB (1000 bytes)
	Ratio               // plain, two decimals at least
)

// missing is printed where there is no figure. It never means zero.
const missing = "–"

type prefix struct {
	scale  float64
	suffix string
}

// prefixes lists the steps of a unit, largest first.
func (u Unit) prefixes() []prefix {
	switch u {
	case Seconds:
		return []prefix{{1, " s"}, {1e-3, " ms"}, {1e-6, " µs"}, {1e-9, " ns"}}
	case Bytes:
		return []prefix{{1e9, " GB"}, {1e6, " MB"}, {1e3, " kB"}, {1, " B"}}
	case Ratio:
		return []prefix{{1, ""}}
	default:
		return []prefix{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}}
	}
}

// prefixFor picks the step in which v is at least 1; the smallest for anything less.
func (u Unit) prefixFor(v float64) prefix {
	all := u.prefixes()
	for _, p := range all {
		if math.Abs(v) >= p.scale*0.9995 { // 999.6 prints as 1k, not as 1000
			return p
		}
	}
	return all[len(all)-1]
}

// Format writes v to three significant digits: 185k, 5.23 µs.
func (u Unit) Format(v float64) string {
	if v == 0 {
		return "0"
	}
	if u == Count && v == math.Trunc(v) && math.Abs(v) < 1e6 {
		return strconv.Itoa(int(v))
	}
	p := u.prefixFor(v)
	return u.number(v/p.scale, u.decimals(v/p.scale)) + p.suffix
}

// Tick writes v as an axis label: as short as it stays exact.
func (u Unit) Tick(v float64) string {
	if v == 0 {
		return "0"
	}
	p := u.prefixFor(v)
	return strconv.FormatFloat(round(v/p.scale, 9), 'f', -1, 64) + p.suffix
}

// Interval writes an estimate and, if it has one, its interval in the same step:
// "185k [181–190]".
func (u Unit) Interval(iv stats.Interval) string {
	if !iv.OK() {
		return missing
	}
	text := u.Format(iv.Value)
	if iv.Bounded() {
		text += " " + u.Bounds(iv)
	}
	return text
}

// Bounds writes only the interval, in the step of the estimate: "[181–190]".
func (u Unit) Bounds(iv stats.Interval) string {
	p := u.prefixFor(iv.Value)
	d := u.decimals(iv.Value / p.scale)
	return fmt.Sprintf("[%s–%s]", u.number(iv.Lo/p.scale, d), u.number(iv.Hi/p.scale, d))
}

// decimals gives three significant digits to a number in its step.
func (u Unit) decimals(v float64) int {
	switch a := math.Abs(v); {
	case u == Ratio && a >= 10:
		return 1
	case u == Ratio && a < 0.1 && a > 0:
		return 3
	case u == Ratio:
		return 2
	case a >= 99.95:
		return 0
	case a >= 9.995:
		return 1
	default:
		return 2
	}
}

func (u Unit) number(v float64, decimals int) string {
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(text, "-0.") == "" { // never "-0.00"
		return strings.TrimPrefix(text, "-")
	}
	return text
}

// round drops what floating point added beyond the digits.
func round(v float64, digits int) float64 {
	scale := math.Pow(10, float64(digits))
	return math.Round(v*scale) / scale
}
