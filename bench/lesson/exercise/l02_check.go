package exercise

import "fmt"

func check02(admit func(serving, threads int) bool) error {
	for _, threads := range []int{64, 1000, 10_000} {
		serving := 0
		for serving < 2*threads && admit(serving, threads) {
			serving++
		}
		switch {
		case serving > threads-8:
			return fmt.Errorf("%d connections have a thread, of %d: none is left for the runtime", serving, threads)
		case serving < threads/2:
			return fmt.Errorf("only %d connections have a thread, of %d", serving, threads)
		}
	}
	return nil
}
