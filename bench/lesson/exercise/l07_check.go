package exercise

import "fmt"

// check07 plays the peer of F4, who sends a little, and that of F5, who never stops.
func check07(drain func(read func() (again bool), most int) (unfinished bool)) error {
	const most = 4
	for _, c := range []struct {
		name       string
		there      int // reads that bring something
		reads      int // that are to be made, EAGAIN included
		unfinished bool
	}{
		{"a little", 2, 3, false},
		{"nothing", 0, 1, false},
		{"just enough", 3, 4, false},
		{"one more than a turn allows", 4, 4, true},
		{"without end", 1 << 20, 4, true},
	} {
		reads := 0
		got := drain(func() bool { reads++; return reads > c.there }, most)
		if reads != c.reads || got != c.unfinished {
			return fmt.Errorf("%s: %d reads, unfinished %v; want %d, %v", c.name, reads, got, c.reads, c.unfinished)
		}
	}
	return nil
}
