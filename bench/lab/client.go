package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// client is a kept HTTP connection.
type client struct {
	net.Conn
	in *bufio.Reader
}

// dialHTTP connects, and has one request answered: what happens once is over then.
func dialHTTP(ctx context.Context, addr string) (*client, error) {
	conn, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	c := &client{conn, bufio.NewReader(conn)}
	if _, err := c.get("/"); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// dial connects. All that is done on the connection ends with the context's deadline.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// get asks, and returns how long the answer took.
func (c *client) get(path string) (time.Duration, error) {
	begin := time.Now()
	if err := c.ask(path); err != nil {
		return 0, err
	}
	err := c.answer()
	return time.Since(begin), err
}

func (c *client) ask(path string) error {
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: lab\r\n\r\n", path)
	return err
}

func (c *client) answer() error {
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s", r.Status)
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
