package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"iomodels/bench/proc"
)

// nginx is an nginx that passes everything on to a server.
type nginx struct {
	name string // with its version
	addr string
	dir  string
	*proc.Child
}

// nginxConf sets what nginx needs to run unprivileged, in a folder of its own, on one port; how it
// reads requests is left to its defaults.
const nginxConf = `daemon off; master_process off; pid %[1]s/pid; error_log stderr crit;
events { worker_connections 1000; }
http {
  access_log off; client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2;
  fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5;
  server { listen %[2]s; location / { proxy_pass http://%[3]s; } }
}
`

// startNginx starts nginx in front of a server. Where it is not installed the error says so.
func startNginx(ctx context.Context, behind string) (*nginx, error) {
	path, err := findNginx()
	if err != nil {
		return nil, &exitError{exitUnavailable, err}
	}
	version, err := exec.CommandContext(ctx, path, "-v").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s -v: %w", path, err)
	}
	n := &nginx{name: strings.TrimSpace(strings.Replace(string(version), "nginx version: nginx/", "nginx ", 1))}
	if n.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	if n.dir, err = os.MkdirTemp("", "nginx"); err != nil {
		return nil, err
	}
	conf := filepath.Join(n.dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, n.dir, n.addr, behind), 0o644); err != nil {
		return nil, errors.Join(err, os.RemoveAll(n.dir))
	}
	args := []string{"-p", n.dir, "-c", conf, "-e", "stderr"}
	if n.Child, err = proc.Start(proc.Spec{Path: path, Args: args}); err != nil {
		return nil, errors.Join(err, os.RemoveAll(n.dir))
	}
	if err := n.await(ctx); err != nil {
		n.stop()
		return nil, err
	}
	return n, nil
}

// findNginx looks where Debian keeps it, too: users have no sbin in their PATH.
func findNginx() (string, error) {
	for _, name := range []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("nginx is not installed (Debian: nginx-light)")
}

// freeAddr is an address that nobody used a moment ago: nginx cannot be told to choose one.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a port for nginx: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func (n *nginx) await(ctx context.Context) error {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", n.addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-n.Exited():
			return fmt.Errorf("nginx ended, %v", proc.WithTail(n.Exit().String(), n.Tail()))
		case <-ctx.Done():
			return context.Cause(ctx)
		default:
		}
		if time.Now().After(end) {
			return fmt.Errorf("nginx does not accept connections: %w", err)
		}
	}
}

func (n *nginx) stop() {
	n.Stop(5 * time.Second)
	os.RemoveAll(n.dir)
}
