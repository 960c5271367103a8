package proto

import (
	"math"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		path   string
		route  Route
		number int64
	}{
		{"/", HelloRoute, 0},
		{"/echo", EchoRoute, 0},
		{"/bytes/0", BytesRoute, 0},
		{"/bytes/1073741824", BytesRoute, MaxBytes},
		{"/bytes/007", BytesRoute, 7},
		{"/delay/10000", DelayRoute, 10_000},
		{"/burn/1000000", BurnRoute, 1_000_000},
		{"", NoRoute, 0},
		{"//", NoRoute, 0},
		{"/echo/", NoRoute, 0},
		{"/Echo", NoRoute, 0},
		{"/bytes", NoRoute, 0},
		{"/bytes/", NoRoute, 0},
		{"/bytes/1073741825", NoRoute, 0},
		{"/bytes/1x", NoRoute, 0},
		{"/bytes/+1", NoRoute, 0},
		{"/bytes/1/", NoRoute, 0},
		{"/bytes/99999999999999999999999999", NoRoute, 0},
		{"/delay/10001", NoRoute, 0},
		{"/burn/1000001", NoRoute, 0},
		{"/delays/1", NoRoute, 0},
	} {
		if r, n := Lookup(c.path); r != c.route || n != c.number {
			t.Errorf("Lookup(%q) = %v, %v, want %v, %v", c.path, r, n, c.route, c.number)
		}
		if r, n := Lookup([]byte(c.path)); r != c.route || n != c.number {
			t.Errorf("Lookup of bytes %q = %v, %v, want %v, %v", c.path, r, n, c.route, c.number)
		}
	}
}

func TestAppendFill(t *testing.T) {
	for _, offset := range []int64{0, 1, 25, 26, pieceSize - 1, 1<<40 + 7} {
		for _, n := range []int64{0, 1, 27, pieceSize, pieceSize + 1, 3*pieceSize + 5} {
			got := AppendFill([]byte("?"), offset, n)
			if int64(len(got)) != n+1 || got[0] != '?' {
				t.Fatalf("AppendFill(%d, %d) appended %d bytes", offset, n, len(got)-1)
			}
			for i, b := range got[1:] {
				if want := letters[(offset+int64(i))%26]; b != want {
					t.Fatalf("AppendFill(%d, %d): byte %d is %c, want %c", offset, n, i, b, want)
				}
			}
		}
	}
}

// TestBurnTakesCPU: the least that is certain on a busy machine. Whatever disturbs the
// calibration makes Burn do too little, but not by an order of magnitude.
func TestBurnTakesCPU(t *testing.T) {
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano())
	}
	turnsPerNs()
	begin := cpu()
	Burn(100 * time.Millisecond)
	if used := cpu() - begin; used < 10*time.Millisecond {
		t.Errorf("burning 100 ms took %v of CPU", used)
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		text string
		base int64
		want int64
		ok   bool
	}{
		{"0", 10, 0, true},
		{"0017", 10, 17, true},
		{"aF", 16, 175, true},
		{"", 10, 0, false},
		{"a", 10, 0, false},
		{"g", 16, 0, false},
		{"-1", 10, 0, false},
		{"1 ", 10, 0, false},
		{strconv.Itoa(1 << 59), 10, 1 << 59, true},
		{"9223372036854775807", 10, math.MaxInt64, true},
		{"9223372036854775808", 10, math.MaxInt64, true},
		{"18446744073709551617", 10, math.MaxInt64, true},
		{"10000000000000000", 16, math.MaxInt64, true},
		{"ffffffffffffffffffffffff", 16, math.MaxInt64, true},
		{"5764607523034234879", 10, 5764607523034234879, true},
	} {
		if n, ok := number(c.text, c.base); ok != c.ok || ok && n != c.want {
			t.Errorf("number(%q, %d) = %d, %v, want %d, %v", c.text, c.base, n, ok, c.want, c.ok)
		}
	}
}

// TestValidValue compares the fast check with the table, for every byte at every place.
func TestValidValue(t *testing.T) {
	for length := range 20 {
		for at := range length {
			for b := range 256 {
				for _, fill := range []byte{'a', ' ', '~', 0x80, 0xff} {
					value := make([]byte, length)
					for i := range value {
						value[i] = fill
					}
					value[at] = byte(b)
					if got, want := validValue(value), is(byte(b), valueChar); got != want {
						t.Fatalf("validValue(%q) = %v", value, got)
					}
				}
			}
		}
	}
}

func TestEcho(t *testing.T) {
	s := Echo().New()
	out := []byte("before ")
	for _, in := range []string{"a", "", "\x00\r\n"} {
		var v Verdict
		if out, v = s.Feed(out, []byte(in)); v != Continue || s.Phase() != Idle {
			t.Errorf("verdict %v, phase %v", v, s.Phase())
		}
	}
	if string(out) != "before a\x00\r\n" {
		t.Errorf("out %q", out)
	}
	Release(s) // harmless: it holds nothing
	p := Echo()
	if n := testing.AllocsPerRun(100, func() { p.New() }); n != 0 {
		t.Errorf("%v allocations for a session", n)
	}
}
