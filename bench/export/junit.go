package export

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
)

// The elements of JUnit XML, as far as they are used.
type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		junitCounts
		Suites []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		junitCounts
		Skipped    int             `xml:"skipped,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitCounts struct {
		Name     string `xml:"name,attr"`
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Time     string `xml:"time,attr"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name      string     `xml:"name,attr"`
		Classname string     `xml:"classname,attr"`
		Time      string     `xml:"time,attr"`
		Skipped   *junitNote `xml:"skipped"`
		Failure   *junitNote `xml:"failure"`
		Out       string     `xml:"system-out,omitempty"`
	}
	junitNote struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit writes a case per cell: failed if it was measured unsoundly or broke, skipped if this
// machine cannot run it or the run ended before, else passed, with its figures as output.
func junit(w io.Writer, run *record.Run, set *cells.Set) error {
	suite := junitSuite{
		junitCounts: junitCounts{Name: "iomodels " + run.Env.Profile},
		Timestamp:   run.Env.Started.UTC().Format("2006-01-02T15:04:05"),
		Properties: []junitProperty{
			{"commit", cells.Commit(run.Env)},
			{"machine", cells.Machine(run.Env)},
			{"seed", fmt.Sprint(run.Env.Seed)},
			{"baseline", set.Baseline},
		},
	}
	total := 0.0
	for _, g := range set.Groups(func(record.Cell) bool { return true }) {
		c, took := junitCell(set, g)
		total += took
		suite.Cases = append(suite.Cases, c)
		suite.Tests++
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Skipped != nil:
			suite.Skipped++
		}
	}
	suite.Time = seconds(total)
	out := junitSuites{junitCounts: suite.junitCounts, Suites: []junitSuite{suite}}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitCell(set *cells.Set, g *cells.Group) (c junitCase, took float64) {
	for _, r := range append(g.OK, g.Out...) {
		took += r.TookS
	}
	c = junitCase{Name: g.Cell.BenchName(), Classname: "iomodels." + g.Cell.Model, Time: seconds(took)}
	for _, r := range g.Out {
		if r.Failed != "" {
			c.Failure = &junitNote{cells.Why(r), "failed", r.Failed}
			return c, took
		}
	}
	switch absence := g.Absence(); {
	case absence != "":
		c.Skipped = &junitNote{Message: absence, Type: "skipped"}
	case !g.Health().Sound():
		remark := g.Health().Remark()
		c.Failure = &junitNote{Message: remark, Type: "unsound", Text: remark}
	default:
		c.Out = junitFigures(set, g)
	}
	return c, took
}

// junitFigures are the figures of a cell in words, a line each.
func junitFigures(set *cells.Set, g *cells.Group) string {
	var lines []string
	for _, c := range columns() {
		if iv := g.Median(c.metric); iv.OK() {
			line := c.metric.Name + " " + c.metric.Unit.Interval(iv)
			if ratio := set.Ratio(g, c.metric); ratio.OK() {
				line += fmt.Sprintf(", %s of %s", cells.Ratio.Interval(ratio), set.Baseline)
			}
			lines = append(lines, line)
		}
	}
	return cmp.Or(strings.Join(lines, "\n"), "no figure")
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }
