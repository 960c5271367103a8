package tuned

import (
	"testing"

	"iomodels/servers/servertest"
)

func TestContract(t *testing.T) { servertest.Run(t, Model()) }
