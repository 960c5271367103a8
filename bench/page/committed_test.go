package page_test

import (
	"os"
	"path/filepath"
	"testing"

	"iomodels/bench/record"
)

// TestCommittedPageIsCurrent: the committed page is what the committed records say. After a change of
// pages or figures: bin/netbench report --html results/reference/report.html results/reference.
func TestCommittedPageIsCurrent(t *testing.T) {
	dir := filepath.Join("..", "..", "results", "reference")
	committed, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil {
		t.Skipf("no page is committed: %v", err)
	}
	run, err := record.Open(dir)
	if err != nil {
		t.Skipf("the run of the page is not here: %v", err)
	}
	if reportOf(t, run) != string(committed) {
		t.Error("results/reference/report.html is not what its records say: render it again")
	}
	if len(committed) > 1<<20 {
		t.Errorf("the committed page weighs %d bytes, more than 1 MiB", len(committed))
	}
}
