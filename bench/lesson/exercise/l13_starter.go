package exercise

// starter13 is a loop: it answers requests until there are no more.
func starter13(requests <-chan func() string, deliver func(answer string)) {
	for handle := range requests {
		deliver(handle())
	}
}
