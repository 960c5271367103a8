package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"iomodels/bench/stats"
)

// Trial is one kind of run by which the gate itself is tested: builds that are the same, of
// which it must say nothing, or a fault that it must find.
type Trial struct {
	Name   string
	Is     string // what head does, for the table
	Fault  string // as package inject of the servers names it; "": head is base
	Stage  string // what is run
	Models []string
	Must   string // the metric in which the fault must show; "": the gate must be silent
	Runs   int
}

// The stages of a gate, as the command line names them.
const (
	StageCounts = "counts"
	StageTimes  = "times"
	StageTails  = "tails" // of trials only: no gate, but a look at the quantiles of response time
)

// Trials lists all trials. Models take turns; a run is a whole gate of one model.
func Trials() []Trial {
	every := []string{
		"goroutine", "thread", "reactor", "reactor-et", "proactor", "proactor-emulated", "gnet", "netpoll",
		"fasthttp", "nethttp",
	}
	three := []string{"reactor", "proactor", "goroutine"}
	return []Trial{
		{"same, counts", "the same, linked in another order", "", StageCounts, every, "", 59},
		{"same, times", "the same, linked in another order", "", StageTimes, three, "", 20},
		{"syscall", "one more system call per request", "syscall", StageCounts, three, Lockstep, 10},
		{"alloc", "one more allocation per request", "alloc", StageCounts, three, Allocs, 10},
		{"memory", "512 B more per connection", "memory", StageCounts, three, Bytes, 10},
		{"cpu +20 %", "20 % more CPU time per request", "cpu:20", StageTimes, three, Cost, 10},
		{"cpu +10 %", "10 % more CPU time per request", "cpu:10", StageTimes, three, Cost, 10},
		{"stall", "2 ms of sleep in each 1,000th request", "stall", StageTails, three, P999, 3},
	}
}

// Proof is one run of a trial, a line of the file of proofs.
type Proof struct {
	Trial    string    `json:"trial"`
	Model    string    `json:"model"`
	Commit   string    `json:"commit"`
	Seed     uint64    `json:"seed"`
	Finished time.Time `json:"finished"`
	TookS    float64   `json:"took_s"`
	Verdict  Verdict   `json:"verdict"`
	Rows     []Row     `json:"rows"`
}

// Found reports whether the metric is worse.
func (p Proof) Found(metric string) bool {
	return slices.ContainsFunc(p.Rows, func(r Row) bool { return r.Metric == metric && r.State == Worse })
}

// Proofs reads a file of proofs; none if there is no file. A line that cannot be read is an
// error: what proves something must be whole.
func Proofs(path string) ([]Proof, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read proofs: %w", err)
	}
	var all []Proof
	for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		var p Proof
		if err := json.Unmarshal(line, &p); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// AddProof appends a run to the file.
func AddProof(path string, p Proof) error {
	line, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("add proof: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("add proof: %w", err)
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}

// ProofTable is what the trials have come to, as Markdown.
func ProofTable(proofs []Proof) string {
	var b strings.Builder
	b.WriteString("| trial | head is, or does | models | runs | silent | undecided | alarm | found | seconds per run |\n")
	b.WriteString("|---|---|---|---:|---:|---:|---:|---:|---:|\n")
	for _, t := range Trials() {
		runs := runsOf(proofs, t.Name)
		if len(runs) == 0 {
			fmt.Fprintf(&b, "| %s | %s | – | 0 of %d | – | – | – | – | – |\n", t.Name, t.Is, t.Runs)
			continue
		}
		var models []string
		var took []float64
		verdicts, found := map[Verdict]int{}, 0
		for _, p := range runs {
			models, took = append(models, p.Model), append(took, p.TookS)
			verdicts[p.Verdict]++
			if t.Must != "" && p.Found(t.Must) {
				found++
			}
		}
		slices.Sort(models)
		models = slices.Compact(models)
		show := fmt.Sprintf("%d of %d", found, len(runs))
		if t.Must == "" {
			show = "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d of %d | %d | %d | %d | %s | %.0f |\n", t.Name, t.Is,
			strings.Join(models, ", "), len(runs), t.Runs, verdicts[Pass], verdicts[Inconclusive], verdicts[Fail],
			show, stats.Median(took, stats.Level).Value)
	}
	if stalls := runsOf(proofs, "stall"); len(stalls) > 0 {
		median := len(slices.DeleteFunc(stalls, func(p Proof) bool { return !p.Found(P50) }))
		fmt.Fprintf(&b, "\nA stall is looked for in the quantiles of response time, at a small offered load: it is to show "+
			"at p99.9 (found), and shows at p50 in %d of %d.\n", median, len(stalls))
	}
	return b.String() + "\n" + relabelled(proofs)
}

func runsOf(proofs []Proof, trial string) []Proof {
	return slices.DeleteFunc(slices.Clone(proofs), func(p Proof) bool { return p.Trial != trial })
}

// relabelled swaps base and head in randomly chosen blocks of runs of equal builds, many times,
// and counts how often the test then alarms. It needs no quiet machine, only stored blocks.
func relabelled(proofs []Proof) string {
	const times = 2000
	var series [][]float64
	for _, p := range runsOf(proofs, "same, times") {
		for _, r := range p.Rows {
			if len(r.Logs) >= leastBlocks {
				series = append(series, r.Logs)
			}
		}
	}
	if len(series) == 0 {
		return "No timed run of equal builds is stored yet, so none could be relabelled.\n"
	}
	rng := rand.New(rand.NewPCG(1, 0x2e1abe1))
	plain, rule := 0, 0
	for range times {
		logs := slices.Clone(series[rng.IntN(len(series))])
		for i := range logs {
			if rng.IntN(2) == 0 {
				logs[i] = -logs[i]
			}
		}
		if stats.SignedRank(logs).Greater <= confirmAlpha {
			plain++
		}
		if beyond(logs) <= familyAlpha {
			rule++
		}
	}
	share := func(n int) float64 { return 100 * float64(n) / times }
	return fmt.Sprintf("Base and head swapped in random blocks of the %d stored series of equal builds, %d times: "+
		"%.1f %% look slower at a nominal 5 %% (± %.1f), and %.1f %% beyond the margin at 1 %%.\n",
		len(series), times, share(plain), 100*1.96*math.Sqrt(0.05*0.95/times), share(rule))
}
