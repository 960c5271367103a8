package exercise

import "fmt"

// place is where a call stands on the two axes.
type place struct {
	waits bool   // the caller sleeps inside it, if there is nothing
	told  string // what it announces, or leads to: readiness, completion, or ""
}

func check00(places func() map[string]place) error {
	got := places()
	for call, want := range map[string]place{
		"read, blocking":              {true, ""},
		"read, non-blocking":          {false, ""},
		"Read of a goroutine":         {true, ""},
		"epoll_wait":                  {true, "readiness"},
		"submit a receive":            {false, "completion"},
		"io_uring_enter, which waits": {true, "completion"},
	} {
		if got[call] != want {
			return fmt.Errorf("%q is at %+v", call, got[call])
		}
	}
	return nil
}
