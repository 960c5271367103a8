package exercise

// starter01 serves connections until there are no more.
func starter01(accept func() (handle func(), ok bool)) {
	for {
		handle, ok := accept()
		if !ok {
			return
		}
		handle()
	}
}
