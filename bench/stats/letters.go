package stats

import "slices"

// Letters gives each of n candidates a string of letters so that two candidates share a
// letter exactly when no difference between them was shown (a compact letter display).
// "Not different" is not transitive: a may tie with b and b with c while a beats c. Then b
// carries two letters, which a plain ranking could not say. Candidates are expected best
// first; letters are given in that order, a, b, c ...
//
// The method is insert-and-absorb: start with one group of all, split every group that holds
// a different pair, and drop groups that lie within another.
func Letters(n int, different func(i, j int) bool) []string {
	groups := [][]bool{make([]bool, n)}
	for i := range n {
		groups[0][i] = true
	}
	for i := range n {
		for j := i + 1; j < n; j++ {
			if different(i, j) {
				groups = absorb(split(groups, i, j))
			}
		}
	}
	slices.SortFunc(groups, byFirstMember)
	letters := make([]string, n)
	for g, members := range groups {
		for i, in := range members {
			if in {
				letters[i] += letter(g)
			}
		}
	}
	return letters
}

// split replaces each group that holds both i and j by two that hold one of them.
func split(groups [][]bool, i, j int) [][]bool {
	var out [][]bool
	for _, g := range groups {
		if !g[i] || !g[j] {
			out = append(out, g)
			continue
		}
		without := slices.Clone(g)
		without[i] = false
		g[j] = false
		out = append(out, g, without)
	}
	return out
}

// absorb drops every group that is contained in another; of equal ones the first stays.
func absorb(groups [][]bool) [][]bool {
	var out [][]bool
	for i, g := range groups {
		redundant := false
		for j, other := range groups {
			if i != j && within(g, other) && (j < i || !within(other, g)) {
				redundant = true
				break
			}
		}
		if !redundant {
			out = append(out, g)
		}
	}
	return out
}

func within(small, large []bool) bool {
	for i, in := range small {
		if in && !large[i] {
			return false
		}
	}
	return true
}

// byFirstMember orders groups so that the letter a goes to the first candidate, and the
// letters read on from there.
func byFirstMember(a, b []bool) int {
	for i := range a {
		if a[i] != b[i] {
			if a[i] {
				return -1
			}
			return 1
		}
	}
	return 0
}

// letter names group g: a ... z, then a1, b1 ...
func letter(g int) string {
	s := string(rune('a' + g%26))
	if g >= 26 {
		s += string(rune('0' + g/26))
	}
	return s
}
