package proactor

import "testing"

func TestSubmitTwicePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an operation was submitted twice, and nobody noticed")
		}
	}()
	op := Op{}
	op.Begin(Send)
	op.Begin(Send)
}
