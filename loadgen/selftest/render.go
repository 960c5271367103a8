package selftest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// The markers between which a document holds the table.
const (
	beginMark = "<!-- selftest:begin (written by netload selftest --out) -->"
	endMark   = "<!-- selftest:end -->"
)

// Report is a self-test that was carried out.
type Report struct {
	Results []Result
	Began   time.Time
	Took    time.Duration
	Where   Where
}

// Where is what a result depends on besides the program.
type Where struct{ Machine, Kernel, Go, Commit string }

// Here describes this machine and the checkout in the current directory.
func Here() Where {
	w := Where{Machine: machine(), Kernel: "unknown", Go: runtime.Version(), Commit: "unknown"}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		w.Kernel = unix.ByteSliceToString(uts.Release[:])
	}
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err == nil {
		w.Commit = strings.TrimSpace(string(out))
	}
	return w
}

func machine() string {
	name := "processor unknown"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	memory := ""
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		memory = fmt.Sprintf(", %d GiB", info.Totalram*uint64(info.Unit)>>30)
	}
	return fmt.Sprintf("%d x %s%s", runtime.NumCPU(), name, memory)
}

// OK reports whether no experiment failed.
func (r Report) OK() bool {
	for _, result := range r.Results {
		if !result.OK() {
			return false
		}
	}
	return true
}

// Summary counts experiments and checks.
func (r Report) Summary() string {
	passed, checks, notMet, failed := 0, 0, 0, 0
	for _, result := range r.Results {
		passed += count(result.OK())
		for _, c := range result.Checks {
			checks++
			notMet += count(c.Status == NotMet)
			failed += count(c.Status == Failed)
		}
	}
	return fmt.Sprintf("%d of %d experiments hold; of %d checks %d pass, %d are not met here, %d fail",
		passed, len(r.Results), checks, checks-notMet-failed, notMet, failed)
}

// Text writes a result for the terminal.
func (r Result) Text(w io.Writer) error {
	fmt.Fprintf(w, "%2d %s (%s): %s\n", r.Number, r.Name, r.took(), r.status())
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, c := range r.Checks {
		fmt.Fprintf(t, "   %s\t%s\t%s\t%s\t%s\n", c.What, c.Expected, c.Tolerance, c.Measured, c.verdict())
	}
	if r.Err != nil {
		fmt.Fprintf(t, "   %v\n", r.Err)
	}
	return t.Flush()
}

func (r Result) status() string {
	if !r.OK() {
		return Failed
	}
	if r.spoilt() {
		return Passed + ", in part " + NotMet
	}
	return Passed
}

// took says how long, and what was measured again because the machine was disturbed.
func (r Result) took() string {
	seconds := fmt.Sprintf("%.1f s", r.Took.Seconds())
	if r.Tries > 1 {
		seconds += fmt.Sprintf(", %d tries", r.Tries)
	}
	if r.Again > 0 {
		seconds += fmt.Sprintf(", %d runs repeated", r.Again)
	}
	return seconds
}

func (c Check) verdict() string {
	if c.Reason != "" {
		return c.Status + ": " + c.Reason
	}
	return c.Status
}

// Markdown writes the report as it stands in the document.
func (r Report) Markdown(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s, %s; commit %s, %s, Linux %s; %s\n\n", r.Began.UTC().Format("2006-01-02 15:04 UTC"),
		r.Took.Round(time.Second), r.Where.Commit, r.Where.Go, r.Where.Kernel, r.Where.Machine)
	fmt.Fprintf(&b, "**%s.**\n\n", r.Summary())
	fmt.Fprintln(&b, "| # | experiment, quantity | expected | tolerance | measured | |")
	fmt.Fprintln(&b, "|--:|---|---|---|---|---|")
	for _, result := range r.Results {
		fmt.Fprintf(&b, "| **%d** | **%s** | | | %s | %s |\n", result.Number, result.Name,
			result.took(), result.status())
		for _, c := range result.Checks {
			fmt.Fprintf(&b, "| | %s | %s | %s | %s | %s |\n", cell(c.What), cell(c.Expected),
				cell(c.Tolerance), cell(c.Measured), cell(c.verdict()))
		}
		if result.Err != nil {
			fmt.Fprintf(&b, "| | could not be carried out | | | %s | %s |\n", cell(result.Err.Error()),
				Failed)
		}
	}
	fmt.Fprintln(&b, "\n| # | what it shows | how |\n|--:|---|---|")
	for _, result := range r.Results {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", result.Number, cell(result.Shows), cell(result.Setup))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// cell keeps text in one cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(s)
}

// WriteInto puts the report between the markers of a document, and leaves the rest as it is.
func (r Report) WriteInto(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("write the self-test: %w", err)
	}
	before, rest, begins := strings.Cut(string(text), beginMark)
	_, after, ends := strings.Cut(rest, endMark)
	if !begins || !ends {
		return fmt.Errorf("write the self-test: %s has no %s ... %s", file, beginMark, endMark)
	}
	var b strings.Builder
	b.WriteString(before + beginMark + "\n")
	if err := r.Markdown(&b); err != nil {
		return err
	}
	b.WriteString(endMark + after)
	partial := file + ".partial"
	if err := os.WriteFile(partial, []byte(b.String()), 0o644); err != nil {
		return errors.Join(fmt.Errorf("write the self-test: %w", err), os.Remove(partial))
	}
	return os.Rename(partial, file)
}
