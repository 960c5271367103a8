//go:build !inject

package main

import "iomodels/servers/proto"

// injected is where a build with the tag inject does too much on purpose; this one does not.
func injected(p proto.Protocol) (proto.Protocol, error) { return p, nil }
