package exercise

import "fmt"

func check03(start func(alive, want, lately int) int) error {
	for _, c := range []struct{ alive, want, lately, start int }{
		{2, 2, 0, 0},
		{1, 2, 0, 1},
		{0, 4, 0, 4},
		{0, 4, 3, 1},
		{0, 4, 4, 0}, // a crash loop
		{0, 4, 9, 0},
		{5, 4, 0, 0},
	} {
		if got := start(c.alive, c.want, c.lately); got != c.start {
			return fmt.Errorf("%d alive, %d wanted, %d started lately: starts %d, want %d",
				c.alive, c.want, c.lately, got, c.start)
		}
	}
	return nil
}
