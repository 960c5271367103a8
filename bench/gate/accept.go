package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Names maps the short names of the metrics, as commit messages and tables of counts spell
// them, to the metrics.
func Names() map[string]string {
	return map[string]string{
		"syscalls": Lockstep, "burst": Burst, "allocs": Allocs, "bytes": Bytes, "cost": Cost, "rate": Rate,
	}
}

// acceptance is the line in a commit message that accepts a trade-off:
//
//	bench-accept: reactor bytes 512 B more per connection buy half the wake-ups
const acceptance = "bench-accept:"

// Acceptance is a trade-off that a commit message accepts.
type Acceptance struct {
	Commit string `json:"commit"`
	Model  string `json:"model"`
	Metric string `json:"metric"` // short name
	Reason string `json:"reason"`
}

// Acceptances reads the commit messages of base..head. A line that accepts nothing that could
// be accepted is in wrong, with what is wrong about it.
func Acceptances(ctx context.Context, repo, base, head string) (all []Acceptance, wrong []string, err error) {
	log, err := output(ctx, repo, "git", "log", "--format=%h%n%B%x00", base+".."+head)
	if err != nil {
		return nil, nil, fmt.Errorf("read commit messages: %w", err)
	}
	for message := range strings.SplitSeq(log, "\x00") {
		commit, body, _ := strings.Cut(strings.TrimSpace(message), "\n")
		for line := range strings.Lines(body) {
			text, ok := strings.CutPrefix(strings.TrimSpace(line), acceptance)
			if !ok {
				continue
			}
			a, complaint := parseAcceptance(commit, text)
			if complaint != "" {
				wrong = append(wrong, fmt.Sprintf("%s: %q accepts nothing: %s", commit, strings.TrimSpace(line), complaint))
				continue
			}
			all = append(all, a)
		}
	}
	return all, wrong, nil
}

func parseAcceptance(commit, text string) (a Acceptance, complaint string) {
	words := strings.Fields(text)
	if len(words) < 3 {
		return a, "want MODEL METRIC and a reason"
	}
	if _, known := Names()[words[1]]; !known {
		return a, "metrics are syscalls, burst, allocs, bytes, cost, rate"
	}
	return Acceptance{commit, words[0], words[1], strings.Join(words[2:], " ")}, ""
}

// Accept marks what is worse and accepted.
func Accept(rows []Row, accepted []Acceptance) []Row {
	out := slices.Clone(rows)
	for i, row := range out {
		for _, a := range accepted {
			if row.State == Worse && row.Model == a.Model && row.Metric == Names()[a.Metric] {
				out[i].State, out[i].Why = Accepted, fmt.Sprintf("in %s: %s", a.Commit, a.Reason)
			}
		}
	}
	return out
}
