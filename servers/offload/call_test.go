package offload

import "testing"

func TestCall(t *testing.T) {
	p := New(1)
	defer p.Close()
	ran := false
	if v := p.Call(func() { ran = true }); v != nil || !ran {
		t.Errorf("Call returned %v, ran is %v; want nil after f has run", v, ran)
	}
	if v := p.Call(func() { panic("oops") }); v != "oops" {
		t.Errorf("Call of a function that panics returned %v", v)
	}
	if v := p.Call(func() {}); v != nil {
		t.Errorf("the worker does not survive a panic: %v", v)
	}
}
