package trace

import (
	"fmt"
	"sort"
	"strings"
)

// Canon is what a model is known to do for one quiet request: the sequences it may take, the most
// usual first. A model that waits by itself has one; where the Go scheduler has a say there may be
// several.
type Canon []Sequence

// between parts the sequences of a canon in a file.
const between = "or\n"

// String is the form in which a canon is kept in a file.
func (c Canon) String() string {
	var texts []string
	for _, q := range c {
		texts = append(texts, q.String())
	}
	return strings.Join(texts, between)
}

// ParseCanon reads what String wrote. Lines that begin with # are remarks.
func ParseCanon(text string) (Canon, error) {
	c := Canon{nil}
	for n, line := range strings.Split(text, "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case line+"\n" == between:
			c = append(c, nil)
		default:
			step, err := parseStep(line)
			if err != nil {
				return nil, fmt.Errorf("canon, line %d: %w", n+1, err)
			}
			c[len(c)-1] = append(c[len(c)-1], step)
		}
	}
	for i, q := range c {
		if len(q) == 0 {
			return nil, fmt.Errorf("canon: sequence %d has no step", i+1)
		}
	}
	return c, nil
}

func parseStep(line string) (s Step, err error) {
	rest, many := strings.CutSuffix(line, ", again and again")
	head, result, ok := strings.Cut(rest, ") = ")
	lane, call, ok2 := strings.Cut(head, " ")
	name, on, ok3 := strings.Cut(call, "(")
	if !ok || !ok2 || !ok3 {
		return s, fmt.Errorf("%q is not LANE NAME(THING) = RESULT", line)
	}
	return Step{Lane: lane, Name: name, On: on, Result: result, Many: many}, nil
}

// Check reports, as an error, that most of the requests seen did not keep to the canon: on each
// thing they must have done what one of its sequences does there. Most and not all, because a
// timer of the server may strike within one of them.
func (c Canon) Check(seen []Sequence) error {
	known := c.byThing()
	good := 0
	for _, q := range seen {
		if known.allows(q) {
			good++
		}
	}
	if 2*good > len(seen) {
		return nil
	}
	usual := Usual(seen, 1)
	if len(usual) == 0 {
		return fmt.Errorf("no request was seen")
	}
	return fmt.Errorf("%d of %d requests kept to the canon; most usual was\n%swant\n%s",
		good, len(seen), compare(c[0], usual[0]), c)
}

// customs is what may be done on each thing; "" if it may be left alone.
type customs map[string]map[string]bool

func (c Canon) byThing() customs {
	known := customs{}
	for _, q := range c {
		for thing := range q.byThing() {
			known[thing] = map[string]bool{}
		}
	}
	for _, q := range c {
		done := q.byThing()
		for thing := range known {
			known[thing][done[thing]] = true
		}
	}
	return known
}

func (k customs) allows(q Sequence) bool {
	done := q.byThing()
	for thing := range done {
		if k[thing] == nil {
			return false
		}
	}
	for thing, ways := range k {
		if !ways[done[thing]] {
			return false
		}
	}
	return true
}

// compare marks the steps that the canon does not have.
func compare(want, got Sequence) string {
	left := map[string]int{}
	key := func(s Step) string { s.Lane = ""; return s.String() }
	for _, s := range want {
		left[key(s)]++
	}
	var b strings.Builder
	for _, s := range got {
		mark := "  "
		if left[key(s)]--; left[key(s)] < 0 {
			mark = "+ "
		}
		b.WriteString(mark + s.String() + "\n")
	}
	return b.String()
}

// Usual returns the sequences that were taken at least so often, the most usual first.
func Usual(seen []Sequence, times int) Canon {
	counts, examples := map[string]int{}, map[string]Sequence{}
	var keys []string
	for _, q := range seen {
		key := q.Key()
		if counts[key]++; counts[key] == 1 {
			keys, examples[key] = append(keys, key), q
		}
	}
	sort.SliceStable(keys, func(i, j int) bool { return counts[keys[i]] > counts[keys[j]] })
	var c Canon
	for _, key := range keys {
		if counts[key] >= times && len(examples[key]) > 0 {
			c = append(c, examples[key])
		}
	}
	return c
}
