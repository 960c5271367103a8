package survival

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A proxy in front of a model, with a tap between them:
//
//	attacker ──▶ proxy ──▶ tap ──▶ model
//
// The proxy forbids every path that begins with /bytes/31, as an operator would close off an
// administrator's page. So whoever gets the model to answer one of them has smuggled a request
// past the proxy. The tap sees such an answer by its length, even if it never gets to a client.

// proxy is one that may be installed.
type proxy struct {
	name   string // in the table
	binary string
	args   func(dir string) []string // config is dir/config; it listens on dir/sock
	config string                    // DIR and BACKEND are replaced
}

func proxies() []proxy {
	nginx := func(dir string) []string { return []string{"-p", dir, "-c", dir + "/config", "-e", "stderr"} }
	haproxy := func(dir string) []string { return []string{"-db", "-f", dir + "/config"} }
	return []proxy{
		{"nginx", "nginx", nginx, nginxConfig},
		{"HAProxy", "haproxy", haproxy, strings.Replace(haproxyConfig, "LENIENT", "", 1)},
		// Told to let pass what it thinks is invalid: more reaches the model.
		{
			"HAProxy, lenient", "haproxy", haproxy,
			strings.Replace(haproxyConfig, "LENIENT", "option accept-invalid-http-request", 1),
		},
	}
}

const nginxConfig = `
daemon off; master_process off; pid DIR/pid; error_log stderr;
events { worker_connections 500; }
http {
  access_log off; client_body_temp_path DIR/t1; proxy_temp_path DIR/t2;
  fastcgi_temp_path DIR/t3; uwsgi_temp_path DIR/t4; scgi_temp_path DIR/t5;
  upstream model { server BACKEND max_fails=0; keepalive 8; }
  server {
    listen unix:DIR/sock;
    location /bytes/31 { return 403; }
    location / {
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_request_buffering off;
    }
  }
}
`

const haproxyConfig = `
global
  maxconn 500
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
  http-reuse always
frontend front
  bind unix@DIR/sock
  LENIENT
  http-request deny if { path_beg /bytes/31 }
  default_backend models
backend models
  server model BACKEND
`

// start starts the proxy in front of backend and returns the path of its socket.
func (p proxy) start(t *testing.T, backend string) string {
	t.Helper()
	path, err := exec.LookPath(p.binary)
	if err != nil {
		path = "/usr/sbin/" + p.binary // where Debian keeps it, on nobody's PATH
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not installed: this proxy is not tested", p.binary)
	}
	dir, err := os.MkdirTemp("", "proxy") // t.TempDir is too long for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	config := strings.NewReplacer("DIR", dir, "BACKEND", backend).Replace(p.config)
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, p.args(dir)...)
	var log lockedBuffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	sock := filepath.Join(dir, "sock")
	err = poll(time.Now().Add(10*time.Second), func() error {
		c, err := net.Dial("unix", sock)
		if err == nil {
			c.Close()
		}
		return err
	})
	if err != nil {
		t.Fatalf("%s does not accept: %v; it says: %s", p.binary, err, log.String())
	}
	return sock
}

// tap forwards connections to a model and looks at what passes.
type tap struct {
	listener net.Listener
	backend  string

	mu    sync.Mutex
	seen  map[string]bool // what was looked for and found, on the way there or back
	conns []net.Conn
	all   sync.WaitGroup
}

// newTap looks for shapes (on the way to the model) and answers (on the way back).
func newTap(t *testing.T, backend string, shapes, answers []string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tp := &tap{listener: l, backend: backend, seen: map[string]bool{}}
	tp.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tp.all.Go(func() { tp.forward(c, shapes, answers) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		tp.mu.Lock()
		for _, c := range tp.conns {
			c.Close()
		}
		tp.mu.Unlock()
		tp.all.Wait()
	})
	return tp
}

func (tp *tap) forward(c net.Conn, shapes, answers []string) {
	defer c.Close()
	var d net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s, err := d.DialContext(ctx, "tcp", tp.backend)
	if err != nil {
		return // the proxy sees its connection closed
	}
	defer s.Close()
	tp.mu.Lock()
	tp.conns = append(tp.conns, c, s)
	tp.mu.Unlock()
	back := make(chan struct{})
	go func() {
		defer close(back)
		tp.watch(c, s, answers)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	tp.watch(s, c, shapes)
	_ = s.(*net.TCPConn).CloseWrite()
	<-back
}

// watch copies from src to dst and notes which of the marks it has seen. A mark may lie across
// two reads, so the end of what was read is kept for the next one.
func (tp *tap) watch(dst io.Writer, src io.Reader, marks []string) {
	const longest = 64
	var window []byte
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		window = append(window, buf[:n]...)
		for _, mark := range marks {
			if bytes.Contains(bytes.ToLower(window), []byte(mark)) {
				tp.mu.Lock()
				tp.seen[mark] = true
				tp.mu.Unlock()
			}
		}
		window = window[max(0, len(window)-longest):]
		if _, wErr := dst.Write(buf[:n]); err != nil || wErr != nil {
			return
		}
	}
}

// saw reports whether mark has passed.
func (tp *tap) saw(mark string) bool {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return tp.seen[mark]
}

// shapeMark marks the request around smuggled request i; answerMark is the model's answer to it.
func shapeMark(i int) string  { return fmt.Sprintf("x-shape: %d\r\n", i) }
func answerMark(i int) string { return fmt.Sprintf("content-length: %d\r\n", 31_000+i) }
