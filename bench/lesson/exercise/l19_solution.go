package exercise

import "slices"

// solution19 chooses the model with the least value, and says whether another is as good. Loops are
// not for handlers that block, whatever their figures say.
func solution19(rows []row19, handlerBlocks bool) (model string, tie bool) {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r row19) bool { return handlerBlocks && r.loop })
	best := rows[0]
	for _, r := range rows {
		if r.value < best.value {
			best = r
		}
	}
	for _, r := range rows {
		tie = tie || r.model != best.model && r.lo <= best.hi
	}
	return best.model, tie
}
