package server

import (
	"iomodels/servers"
	"iomodels/servers/loops"
	"iomodels/servers/proactor"
	"iomodels/servers/proactor/conn"
)

// TestLoop lets tests outside of the package take a loop's turns one by one.
type TestLoop struct{ l *loop }

// NewTestLoop makes the loop of a server that has no other.
func NewTestLoop(cfg servers.Config, p proactor.Proactor, listener int) (TestLoop, error) {
	h, err := loops.New(cfg)
	if err != nil {
		return TestLoop{}, err
	}
	return TestLoop{newLoop(h, p, listener)}, nil
}

// Turn runs the handlers of all completions there are, and does not wait for more.
func (t TestLoop) Turn() error {
	t.l.p.Wake()
	return t.l.turn()
}

// Live is the number of connections.
func (t TestLoop) Live() int { return t.l.live }

// Owed is the largest number of bytes that the loop holds for one connection.
func (t TestLoop) Owed() (most int) {
	t.l.each(func(c *conn.Conn) {
		if c.Owed != nil {
			most = max(most, c.Owed.Size())
		}
	})
	return most
}

// Stop closes everything and takes the turns that takes.
func (t TestLoop) Stop() error {
	if err := t.l.stop(); err != nil {
		return err
	}
	t.l.each(t.l.close)
	for t.l.live > 0 || t.l.acceptor.Pending() {
		if err := t.Turn(); err != nil {
			return err
		}
	}
	return nil
}
