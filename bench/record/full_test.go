package record

import (
	"os"
	"strings"
	"testing"
)

// TestFullDiskNamesTheFile swaps the records for a device on which every write finds no space.
func TestFullDiskNamesTheFile(t *testing.T) {
	w, err := Create(t.TempDir(), Env{Commit: "abc"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.file.Close()
	if w.file, err = os.OpenFile("/dev/full", os.O_WRONLY, 0); err != nil {
		t.Skip("SKIPPED: no /dev/full here")
	}
	err = w.Append(Record{Block: 1})
	if err == nil || !strings.Contains(err.Error(), "/dev/full") || !strings.Contains(err.Error(), "no space") {
		t.Errorf("got %v, want the file and the reason", err)
	}
	if w.seq != 0 {
		t.Errorf("a record that is not on the disk was counted")
	}
}
