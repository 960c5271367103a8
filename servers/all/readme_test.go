package all_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"iomodels/servers"
	"iomodels/servers/all"
	"iomodels/servers/servertest"
)

var update = flag.Bool("update", false, "rewrite the generated parts of ../README.md")

// TestReadmeIsCurrent: what the README says of models and cases is generated from them.
func TestReadmeIsCurrent(t *testing.T) {
	const file = "../README.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, content := range map[string]string{
		"cases": casesTable(), "limits": limitsTable(all.Models()), "cards": cards(all.Models()),
		"places": places(all.Models()),
	} {
		begin, end := "<!-- generated:"+name+" begin -->\n", "<!-- generated:"+name+" end -->"
		before, rest, ok := strings.Cut(want, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no part %q", file, name)
		}
		want = before + begin + content + end + after
	}
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s is not current: go test ./servers/all -run Readme -update", file)
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func casesTable() string {
	var b strings.Builder
	b.WriteString("| case | protocol | what is promised |\n|---|---|---|\n")
	for _, c := range servertest.Cases() {
		protocol := c.Proto
		if protocol == "" {
			protocol = "echo, http"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.Name, protocol, c.Explanation)
	}
	return b.String()
}

func limitsTable(models []servers.Model) string {
	var b strings.Builder
	b.WriteString("| model | case | what it does instead |\n|---|---|---|\n")
	for _, m := range models {
		for _, l := range m.KnownLimits {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", m.Name, l.Case, l.Reason)
		}
	}
	return b.String()
}

func cards(models []servers.Model) string {
	var b strings.Builder
	b.WriteString("| model | loops | buffers | copies | sockets | parser | handler | options of a library |\n|---|---|---|---|---|---|---|---|\n")
	for _, m := range models {
		c := m.Card
		if c.Sockets == "" {
			c.Sockets = "as sock.Tune"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", m.Name,
			strings.Join([]string{c.Loops, c.Buffers, c.Copies, c.Sockets, c.Parser, c.Handler, c.Options}, " | "))
	}
	return b.String()
}

// places puts every model where its way to be told meets its way to wait.
func places(models []servers.Model) string {
	told := []struct {
		notify servers.Notify
		says   string
	}{
		{servers.ReturnValue, "**return value**: the call that asked comes back with it"},
		{servers.Readiness, "**readiness**: told that a call would have it now"},
		{servers.Completion, "**completion**: told that it is there, bytes and all"},
	}
	waits := []servers.Wait{servers.Blocks, servers.Polls, servers.GoesOn}
	var b strings.Builder
	b.WriteString("| the result is announced by | the caller blocks | the caller polls | the caller goes on |\n|---|---|---|---|\n")
	for _, row := range told {
		cells := []string{row.says}
		for _, wait := range waits {
			var here []string
			for _, m := range models {
				if m.Notify == row.notify && m.Wait == wait {
					here = append(here, m.Name)
				}
			}
			cells = append(cells, cmp.Or(strings.Join(here, ", "), "–"))
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}
