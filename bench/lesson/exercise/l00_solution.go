package exercise

// solution00 places six calls. A goroutine's Read waits: the goroutine does, if no thread.
func solution00() map[string]place {
	return map[string]place{
		"read, blocking":              {waits: true, told: ""},
		"read, non-blocking":          {waits: false, told: ""},
		"Read of a goroutine":         {waits: true, told: ""},
		"epoll_wait":                  {waits: true, told: "readiness"},
		"submit a receive":            {waits: false, told: "completion"},
		"io_uring_enter, which waits": {waits: true, told: "completion"},
	}
}
