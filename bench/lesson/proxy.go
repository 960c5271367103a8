package lesson

import (
	"bytes"
	"context"
	"io"
	"net"
	"time"

	"iomodels/bench/lab"
)

// The upload of lesson 18: a slow client, in pieces.
const (
	uploadPieces = 20
	uploadPiece  = 1 << 10
	uploadPause  = 10 * time.Millisecond
)

// slowUpload sends a slow upload through two proxies, and tells how long the backend was held: by
// one that passes on what it gets, and by one that first takes all.
func slowUpload(ctx context.Context, _ *lab.Env) (Data, error) {
	v := values{"upload_ms": millis(uploadPieces * uploadPause)}
	for name, proxy := range map[string]func(client net.Conn, backend string) error{
		"stream_ms": streamProxy, "buffer_ms": bufferProxy,
	} {
		held, err := backendHeld(ctx, proxy)
		if err != nil {
			return Data{}, err
		}
		v[name] = millis(held)
	}
	return Data{Values: v}, nil
}

// streamProxy passes each piece on as it comes.
func streamProxy(client net.Conn, backend string) error {
	conn, err := net.Dial("tcp", backend)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.Copy(conn, client)
	return err
}

// bufferProxy takes all, and goes to the backend then. It pays with its own memory, and nobody sees
// how far the upload is.
func bufferProxy(client net.Conn, backend string) error {
	var all bytes.Buffer
	if _, err := io.Copy(&all, client); err != nil {
		return err
	}
	conn, err := net.Dial("tcp", backend)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = all.WriteTo(conn)
	return err
}

// backendHeld returns how long the backend had a connection for one upload.
func backendHeld(ctx context.Context, proxy func(net.Conn, string) error) (time.Duration, error) {
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer backend.Close()
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer front.Close()
	held, failed := make(chan time.Duration, 1), make(chan error, 2)
	go func() { failed <- receiveUpload(backend, held) }()
	go func() {
		client, err := front.Accept()
		if err == nil {
			err = proxy(client, backend.Addr().String())
			client.Close()
		}
		failed <- err
	}()
	if err := upload(ctx, front.Addr().String()); err != nil {
		return 0, err
	}
	for range 2 {
		if err := <-failed; err != nil {
			return 0, err
		}
	}
	return <-held, nil
}

// receiveUpload takes one upload, and tells how long that held a connection.
func receiveUpload(l net.Listener, held chan<- time.Duration) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	begin := time.Now()
	if _, err := io.Copy(io.Discard, conn); err != nil {
		return err
	}
	held <- time.Since(begin)
	return nil
}

// upload is the slow client.
func upload(ctx context.Context, addr string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	for range uploadPieces {
		time.Sleep(uploadPause) // it is slow: that is the experiment
		if _, err := conn.Write(make([]byte, uploadPiece)); err != nil {
			return err
		}
	}
	return nil
}
