package emulated

import (
	"testing"

	"iomodels/servers/proactor"
	"iomodels/servers/proactor/proactortest"
	"iomodels/servers/servertest"
)

func TestContract(t *testing.T) {
	proactortest.Run(t, func(s proactor.Settings) (proactor.Proactor, error) { return New(s) })
}

func TestModel(t *testing.T) { servertest.Run(t, Model()) }
