package thread_test

import (
	"testing"

	"iomodels/servers/servertest"
	"iomodels/servers/thread"
)

func TestModel(t *testing.T) { servertest.Run(t, thread.Model()) }
