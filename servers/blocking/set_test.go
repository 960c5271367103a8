package blocking

import "testing"

func TestSetGivesRoomBack(t *testing.T) {
	var s Set[int]
	for round := range 2 {
		for i := range 2 * worthwhile {
			s.Add(i)
		}
		for i := range s.All() { // as they are taken out
			if !s.Remove(i) || s.Remove(i) || s.Has(i) {
				t.Fatalf("round %d: %d was not taken out once", round, i)
			}
			if s.Len() > 0 != (s.in != nil) {
				t.Fatalf("round %d: %d are here, room: %v", round, s.Len(), s.in != nil)
			}
		}
		if s.in != nil {
			t.Errorf("round %d: everybody has left, and the room is kept", round)
		}
	}
	s.Add(1)
	s.Remove(1)
	if s.in == nil {
		t.Error("the room of one is given back, to be made anew for the next")
	}
}
