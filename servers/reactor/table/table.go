// Package table holds what a loop knows by number: by descriptor, or by a slot of its own.
//
// The number of connections is not known beforehand. A slice that grows by append moves: it leaves
// its old self behind, which at 10,000 connections adds up to several times the table, and it
// copies all of it at once, while a loop should serve. So these tables consist of pages. Growing
// adds one and moves nothing; a look is one more load, of a pointer that is always in the cache.
package table

// page is how many entries come at a time.
const page = 256

// Table is an array of entries that exist once they have been asked for, and begin as zeros.
type Table[T any] struct{ pages []*[page]T }

// Grow makes room for the number i, and for all that are smaller.
func (t *Table[T]) Grow(i int) {
	for i >= t.Len() {
		t.pages = append(t.pages, new([page]T))
	}
}

// Len is how many entries there is room for.
func (t *Table[T]) Len() int { return len(t.pages) * page }

// At returns the entry of a number below Len. It stays where it is.
func (t *Table[T]) At(i int) *T { return &t.pages[uint(i)/page][uint(i)%page] }

// Roster is who is here. Each has a slot: a small number, taken again when its owner has left, so
// that other tables can be about the same ones. Slots count from 1; who has none has 0.
type Roster[T any] struct {
	slots  Table[*T]
	used   int32   // the highest slot that was ever taken
	vacant []int32 // slots below it that nobody has
}

// Enter finds a slot for m.
func (r *Roster[T]) Enter(m *T) (slot int32) {
	if n := len(r.vacant); n > 0 {
		slot, r.vacant = r.vacant[n-1], r.vacant[:n-1]
	} else {
		r.used++
		slot = r.used
		r.slots.Grow(int(slot))
	}
	*r.slots.At(int(slot)) = m
	return slot
}

// Leave gives a slot back; and when everybody of a crowd has left, the room for them.
func (r *Roster[T]) Leave(slot int32) {
	*r.slots.At(int(slot)) = nil
	r.vacant = append(r.vacant, slot)
	if r.Len() == 0 && r.used > 4*page {
		*r = Roster[T]{}
	}
}

// At returns who has the slot.
func (r *Roster[T]) At(slot int) *T { return *r.slots.At(slot) }

// Len is how many are here.
func (r *Roster[T]) Len() int { return int(r.used) - len(r.vacant) }

// Each calls f with everybody. Meanwhile others, and they themselves, may come and go.
func (r *Roster[T]) Each(f func(*T)) {
	for slot := 1; slot <= int(r.used); slot++ {
		if m := r.At(slot); m != nil {
			f(m)
		}
	}
}
