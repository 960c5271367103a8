package loadgen

import (
	"fmt"
	"strconv"
	"strings"

	"iomodels/loadgen/pace"
)

// maxKinds bounds a mix: each kind has histograms of its own.
const maxKinds = 32

// kindsStream is the stream of draws that decides which kind a request is. The loops' own
// streams count up from zero.
const kindsStream = 1 << 32

// mix is the kinds of requests a plan sends, with their shares.
type mix struct {
	paths  []string
	shares []float64 // of all requests; they sum to one
}

// mix reads Plan.Mix, "/:99,/delay/5:1"; without it there is one kind, Plan.Path.
func (p Plan) mix() (mix, error) {
	if p.Mix == "" {
		return mix{[]string{p.Path}, []float64{1}}, nil
	}
	var m mix
	total := 0.0
	for part := range strings.SplitSeq(p.Mix, ",") {
		colon := strings.LastIndexByte(part, ':')
		weight, err := strconv.ParseFloat(part[colon+1:], 64)
		if colon < 1 || err != nil || !(weight > 0) {
			return mix{}, fmt.Errorf("--mix has %q: want PATH:WEIGHT, such as /:99,/delay/5:1", part)
		}
		m.paths = append(m.paths, part[:colon])
		m.shares = append(m.shares, weight)
		total += weight
	}
	if len(m.paths) > maxKinds {
		return mix{}, fmt.Errorf("--mix has %d kinds: want %d or less", len(m.paths), maxKinds)
	}
	for i := range m.shares {
		m.shares[i] /= total
	}
	return m, nil
}

// chooser returns the kind of request n of a loop, which depends on nothing but the seed and n:
// the same requests come in the same order in every run.
func (m mix) chooser(seed uint64, share pace.Share) func(n uint64) uint8 {
	stream := pace.Stream(seed, kindsStream)
	return func(n uint64) uint8 {
		draw := pace.Uniform(stream, share.Position(n))
		for kind, part := range m.shares[:len(m.shares)-1] {
			if draw -= part; draw < 0 {
				return uint8(kind)
			}
		}
		return uint8(len(m.shares) - 1)
	}
}
