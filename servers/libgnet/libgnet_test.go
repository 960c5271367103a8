package libgnet

import (
	"testing"

	"iomodels/servers/servertest"
)

func TestContract(t *testing.T) { servertest.Run(t, Model()) }

func TestTunedContract(t *testing.T) { servertest.Run(t, TunedModel()) }
