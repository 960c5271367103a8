package slab

import "testing"

func TestTagsAndPlaces(t *testing.T) {
	var s Slab[int]
	const n = 3*pageSize + 1
	first := make([]*int, 0, n)
	for i := range uint32(n) {
		tag, v := s.Add()
		if tag != i+1 || *v != 0 {
			t.Fatalf("Add number %d: tag %d, value %d; want the next tag and 0", i, tag, *v)
		}
		*v = int(tag)
		first = append(first, v)
	}
	for i, v := range first { // growing has moved nothing
		if tag := uint32(i + 1); s.At(tag) != v || *v != int(tag) {
			t.Fatalf("tag %d: %p holds %d; want %p", tag, s.At(tag), *s.At(tag), v)
		}
	}
	s.Drop(7)
	if tag, v := s.Add(); tag != 7 || *v != 0 {
		t.Errorf("after Drop(7): tag %d, value %d; want 7 and 0", tag, *v)
	}
	places, sum := 0, 0
	s.All(func(v *int) { places++; sum += *v })
	if want := n*(n+1)/2 - 7; places != s.Cap() || sum != want {
		t.Errorf("All: %d places, sum %d; want %d, %d", places, sum, s.Cap(), want)
	}
}
