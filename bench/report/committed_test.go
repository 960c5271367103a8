package report

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"iomodels/bench/record"
)

// TestCommittedReportIsCurrent: the committed page is what the committed records say, so that
// nobody edits a figure by hand or forgets to render again. After a change of tables or
// definitions: make report RUN=<the run that REPORT.md names>.
func TestCommittedReportIsCurrent(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "REPORT.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no report is committed: %v", err)
	}
	named := regexp.MustCompile("(?m)^\\| run \\| `(.+)` \\|$").FindSubmatch(page)
	if named == nil {
		t.Skip("the report does not name its run yet: it was not rendered")
	}
	run, err := record.Open(filepath.Join(root, string(named[1])))
	if err != nil {
		t.Skipf("the run of the report is not here: %v", err)
	}
	results := filepath.Join(root, "results")
	opt := Options{
		ChartDir: filepath.Join(results, "charts"), ReportPath: path,
		FamilyDir: filepath.Join(results, familyProfile), HandlersDir: filepath.Join(results, handlersProfile),
		QuadrantsDir: filepath.Join(results, quadrantsProfile),
	}.withDefaults()
	again, err := newView(run, opt).compose(opt, path, template, sections())
	if err != nil {
		t.Fatal(err)
	}
	if again != string(page) {
		t.Errorf("REPORT.md is not what its records say: render it again (make report RUN=%s)", named[1])
	}
}
