package feature

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	all, err := Parse(Names())
	if want := Multishot | ProvidedBuffers | Incremental | QuietSends | Batching | Deferral | Gathering; err != nil || all != want {
		t.Errorf("all names: %b, %v; want %b", all, err, want)
	}
	two, err := Parse([]string{"deferral", "multishot"})
	if err != nil || two != Deferral|Multishot || !two.Has(Deferral) || two.Has(Batching) {
		t.Errorf("two names: %b, %v", two, err)
	}
	_, err = Parse([]string{"multishot", "magic"})
	for _, word := range append(Names(), `"magic"`) {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("unknown name: %v; want it to say %s", err, word)
		}
	}
}
