//go:build race

package server_test

// racing: the race detector makes sync.Pool, which the HTTP session uses, forget at random.
const racing = true
