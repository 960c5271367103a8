package servertest

import (
	"io"
	"testing"

	"iomodels/servers"
)

// Allocs returns how many allocations one request costs, server and client together, once the
// connection has been warmed up. The client makes none, so what is counted is the model's.
func Allocs(t *testing.T, m servers.Model, protoName string) float64 {
	t.Helper()
	e, err := newEnv(t, m, Case{}, protoName)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		e.close()
		if err := e.awaitStop(); err != nil {
			t.Error(err)
		}
	}()
	c, err := e.dial()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.exchange(c); err != nil {
		t.Fatal(err)
	}
	ask, _ := e.smallTalk()
	buf := make([]byte, 4096)
	answer := len(ask) // of echo; an HTTP answer is as long as the first one was
	once := func() {
		if _, err = c.Write(ask); err == nil {
			_, err = io.ReadFull(c, buf[:answer])
		}
	}
	if protoName == "http" {
		c.Write(ask)
		if answer, err = c.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	n := testing.AllocsPerRun(2000, once)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
