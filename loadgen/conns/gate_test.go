package conns

import (
	"testing"
	"time"
)

const ms = int64(time.Millisecond)

func TestGateRampIsEven(t *testing.T) {
	g := NewGate(1000, 50*ms, Window)
	opened := 0
	for now := int64(0); now < 1050*ms; now += ms / 2 {
		for n := g.Allows(now, 0); n > 0; n-- {
			g.Began()
			opened++
		}
		if want := int(max(now-50*ms+ms, 0) / ms); now >= 50*ms && opened != want {
			t.Fatalf("%d connects begun after %d us, want %d", opened, (now-50*ms)/1000, want)
		}
		if next := g.Next(now); next > now+ms && now >= 50*ms {
			t.Fatalf("next connect at %d, a millisecond after %d", next, now)
		}
	}
	g.EndRamp()
	if n := g.Allows(1050*ms, 0); n != Batch {
		t.Errorf("after the ramp %d connects are allowed, want %d", n, Batch)
	}
}

func TestGateWindow(t *testing.T) {
	g := NewGate(0, 0, Window)
	for pending, want := range map[int]int{0: Batch, Window - 10: 10, Window: 0, 2 * Window: 0} {
		if got := g.Allows(0, pending); got != want {
			t.Errorf("with %d pending %d connects are allowed, want %d", pending, got, want)
		}
	}
}

func TestGateBacksOffAndRecovers(t *testing.T) {
	g := NewGate(0, 0, Window)
	now, attempts := int64(0), 0
	for ; now < 10_000*ms; now += ms {
		if g.Allows(now, 0) > 0 {
			attempts++
			g.Began()
			g.Failed(now, Refused)
			g.Failed(now, Refused) // at the same time: counts once
		}
	}
	if attempts < 15 || attempts > 30 {
		t.Errorf("a dead server was asked %d times in 10 s", attempts)
	}
	if next := g.Next(now); next <= now || next > now+lastDelay {
		t.Errorf("next attempt is %d ns away", next-now)
	}
	g.Connected()
	if n := g.Allows(now, 0); n != Batch {
		t.Errorf("after a connection %d connects are allowed, want %d", n, Batch)
	}
}

func TestGateIsNotFooledByAcceptAndClose(t *testing.T) {
	g := NewGate(0, 0, Window)
	attempts := 0
	for now := int64(0); now < 10_000*ms; now += ms {
		for n := g.Allows(now, 0); n > 0; n-- {
			attempts++
			g.Connected()
			g.Failed(now, Fruitless)
		}
	}
	if attempts > Batch+30 {
		t.Errorf("a server that accepts and closes was asked %d times in 10 s", attempts)
	}
	g.Replied()
	if n := g.Allows(10_000*ms, 0); n != Batch {
		t.Errorf("after a reply %d connects are allowed, want %d", n, Batch)
	}
}
