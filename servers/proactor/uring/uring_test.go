package uring

import (
	"testing"

	"iomodels/servers/proactor"
	"iomodels/servers/proactor/proactortest"
	"iomodels/servers/servertest"
)

// variants are the ways in which the backend can be run. All fulfil the same contract.
var variants = map[string]Options{
	"default":     {},
	"plain":       {NoMultishot: true},
	"own-buffers": {NoProvidedBuffers: true},
	"whole":       {NoIncremental: true},
	"loud":        {NoQuietSends: true},
	"unbatched":   {NoBatching: true},
	"undeferred":  {NoDeferral: true},
	"tiny-queue":  {Entries: 1},
	"two-buffers": {Buffers: 2, NoIncremental: true},
	"bare":        {NoMultishot: true, NoProvidedBuffers: true, NoQuietSends: true, NoBatching: true, NoDeferral: true},
}

func backend(opt Options) proactor.Backend {
	return func(s proactor.Settings) (proactor.Proactor, error) {
		opt.Settings = s
		return New(opt)
	}
}

func TestContract(t *testing.T) {
	for name, opt := range variants {
		t.Run(name, func(t *testing.T) { proactortest.Run(t, backend(opt)) })
	}
}

func TestModel(t *testing.T) { servertest.Run(t, Model()) }
