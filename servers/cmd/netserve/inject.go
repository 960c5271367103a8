//go:build inject

package main

import (
	"os"

	"iomodels/servers/inject"
	"iomodels/servers/proto"
)

// injected puts the fault that the environment names into the protocol.
func injected(p proto.Protocol) (proto.Protocol, error) {
	return inject.Into(p, os.Getenv(inject.Variable))
}
