package exercise

// solution01 serves connections until there are no more, each by a goroutine of its own.
func solution01(accept func() (handle func(), ok bool)) {
	for {
		handle, ok := accept()
		if !ok {
			return
		}
		go handle()
	}
}
