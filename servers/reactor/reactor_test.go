package reactor_test

import (
	"testing"

	"iomodels/servers/reactor"
	"iomodels/servers/servertest"
)

func TestModel(t *testing.T) { servertest.Run(t, reactor.Model()) }

func TestEdgeModel(t *testing.T) { servertest.Run(t, reactor.EdgeModel()) }
