// Package slab keeps many values of one type side by side and names each by a small number, its
// tag. A tag costs half of a pointer, can be handed to somebody who must not hold a pointer, and
// is good for an index into other tables.
//
//	page 0                page 1
//	[1][2][3] ... [512]   [513][514] ...          At(514) ──▶ page 1, place 1
//
// A page is never moved and never freed: the address of a value holds for as long as its tag is
// taken, and whoever the tag was given to earlier finds another value, not foreign memory.
package slab

// pageSize is how many values are allocated together: so many that a page is an allocation of
// its own, which the allocator neither heads nor rounds up.
const pageSize = 512

// Slab holds values of type T. The zero value is an empty one.
type Slab[T any] struct {
	pages []*[pageSize]T
	free  []uint32 // tags that nobody has, the next one last
}

// Add takes a place. Its tag is 1 or more, and the smallest there has not been yet if none was
// given back. The value is zero.
func (s *Slab[T]) Add() (tag uint32, v *T) {
	if len(s.free) == 0 {
		s.pages = append(s.pages, new([pageSize]T))
		for tag := s.Cap(); len(s.free) < pageSize; tag-- {
			s.free = append(s.free, uint32(tag))
		}
	}
	last := len(s.free) - 1
	tag, s.free = s.free[last], s.free[:last]
	return tag, s.At(tag)
}

// At returns the value with a tag that Add has returned.
func (s *Slab[T]) At(tag uint32) *T {
	return &s.pages[(tag-1)/pageSize][(tag-1)%pageSize]
}

// Drop gives a place back, and clears it.
func (s *Slab[T]) Drop(tag uint32) {
	var zero T
	*s.At(tag) = zero
	s.free = append(s.free, tag)
}

// Cap is the largest tag for which there is memory.
func (s *Slab[T]) Cap() int { return len(s.pages) * pageSize }

// All calls f with every place, also with those that are free: their values are zero.
func (s *Slab[T]) All(f func(*T)) {
	for _, page := range s.pages {
		for i := range page {
			f(&page[i])
		}
	}
}
