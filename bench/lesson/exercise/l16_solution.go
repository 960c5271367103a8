package exercise

// solution16 returns what says whether the message of that number is to be taken: the first time.
// All up to done have come, so only those beyond need to be remembered one by one.
func solution16() (accept func(number uint64) bool) {
	done := uint64(0)
	beyond := map[uint64]bool{}
	return func(number uint64) bool {
		if number <= done || beyond[number] {
			return false
		}
		beyond[number] = true
		for beyond[done+1] {
			done++
			delete(beyond, done)
		}
		return true
	}
}
