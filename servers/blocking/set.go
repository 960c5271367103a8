package blocking

import (
	"iter"
	"maps"
)

// Set is who is here. A map keeps for good the room that it once needed; a Set gives it back when
// everybody of a crowd has left. The zero value is empty. Whoever shares it must lock it.
type Set[T comparable] struct {
	in   map[T]struct{}
	most int // that were here since the room was given back
}

// worthwhile is how many must have been here for their room to be given back: below it a map's
// room is less than the work to make it anew.
const worthwhile = 1024

// Add takes m in.
func (s *Set[T]) Add(m T) {
	if s.in == nil {
		s.in = map[T]struct{}{}
	}
	s.in[m] = struct{}{}
	s.most = max(s.most, len(s.in))
}

// Remove takes m out, and reports whether it was in.
func (s *Set[T]) Remove(m T) bool {
	was := s.Has(m)
	delete(s.in, m)
	if len(s.in) == 0 && s.most > worthwhile {
		s.in, s.most = nil, 0
	}
	return was
}

// Has reports whether m is in.
func (s *Set[T]) Has(m T) bool {
	_, in := s.in[m]
	return in
}

// Len is how many are here.
func (s *Set[T]) Len() int { return len(s.in) }

// All goes through everybody. Meanwhile they may be taken out.
func (s *Set[T]) All() iter.Seq[T] { return maps.Keys(s.in) }
