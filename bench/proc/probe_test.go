package proc_test

import (
	"testing"

	"iomodels/bench/proc"
)

func TestProbe(t *testing.T) {
	cpus, err := proc.AllowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	if took, err := proc.Probe(cpus[0]); err != nil || took <= 0 {
		t.Errorf("%v, %v", took, err)
	}
	if _, err := proc.Probe(1000); err == nil {
		t.Error("a CPU that is not there was probed")
	}
}
