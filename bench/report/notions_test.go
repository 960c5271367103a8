package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNotionsAreWhereTheReportSays(t *testing.T) {
	root := filepath.Join("..", "..")
	for _, n := range notions() {
		t.Run(n.name, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(root, n.file)); err != nil {
				t.Errorf("where it is done: %v", err)
			}
			file, name, _ := strings.Cut(n.test, ":")
			source, err := os.ReadFile(filepath.Join(root, file))
			if err != nil || !strings.Contains(string(source), "func "+name+"(") {
				t.Errorf("no test %s (%v)", n.test, err)
			}
			lessons, err := filepath.Glob(filepath.Join(root, "bench", "lesson", "text", fmt.Sprintf("%02d-*.md", n.lesson)))
			if err != nil || len(lessons) != 1 {
				t.Errorf("lesson %d has files %v (%v)", n.lesson, lessons, err)
			}
		})
	}
}
