package exercise

import "fmt"

// row19 is a result: less is better, lo and hi are the ends of its interval.
type row19 struct {
	model         string
	lo, value, hi float64
	loop          bool // its handlers run on the loop
}

// check19 wants a choice that results support: the least, but a tie where intervals overlap, and no
// loop for handlers that block.
func check19(choose func(rows []row19, handlerBlocks bool) (model string, tie bool)) error {
	close3 := []row19{{"goroutine", 9, 10, 11, false}, {"reactor", 8, 9.5, 10.5, true}, {"thread", 19, 20, 21, false}}
	clear3 := []row19{{"goroutine", 9, 10, 11, false}, {"reactor", 1, 2, 3, true}, {"thread", 19, 20, 21, false}}
	for _, c := range []struct {
		rows   []row19
		blocks bool
		model  string
		tie    bool
	}{
		{clear3, false, "reactor", false},
		{close3, false, "reactor", true},
		{clear3, true, "goroutine", false},
		{close3, true, "goroutine", false},
	} {
		if model, tie := choose(c.rows, c.blocks); model != c.model || tie != c.tie {
			return fmt.Errorf("blocks %v: %s, tie %v; want %s, %v", c.blocks, model, tie, c.model, c.tie)
		}
	}
	return nil
}
