package goroutine_test

import (
	"testing"

	"iomodels/servers/goroutine"
	"iomodels/servers/servertest"
)

func TestModel(t *testing.T) { servertest.Run(t, goroutine.Model()) }
