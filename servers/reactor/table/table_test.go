package table

import (
	"math/rand/v2"
	"testing"
)

// TestEntriesStay: growing keeps what is there, and where it is.
func TestEntriesStay(t *testing.T) {
	var table Table[int]
	table.Grow(0)
	first := table.At(0)
	*first = 42
	for _, i := range []int{1, page - 1, page, 10 * page} {
		table.Grow(i)
		if table.Len() <= i || *table.At(i) != 0 {
			t.Errorf("entry %d of %d is %d; want a zero", i, table.Len(), *table.At(i))
		}
		*table.At(i) = i
	}
	if table.At(0) != first || *first != 42 {
		t.Error("the first entry has moved")
	}
	table.Grow(3)
	for _, i := range []int{1, page - 1, page, 10 * page} {
		if *table.At(i) != i {
			t.Errorf("entry %d is %d", i, *table.At(i))
		}
	}
}

// TestRosterAgainstModel: whoever comes and goes, the roster holds whom a map would, and gives
// slots that are free.
func TestRosterAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var roster Roster[int]
	here := map[int32]*int{}
	most := 0
	for range 20_000 {
		if rng.IntN(len(here)/100+2) == 0 {
			m := new(int)
			slot := roster.Enter(m)
			if slot < 1 || here[slot] != nil {
				t.Fatalf("slot %d was given to a second one", slot)
			}
			here[slot] = m
			most = max(most, len(here))
		} else {
			for slot := range here {
				roster.Leave(slot)
				delete(here, slot)
				break
			}
		}
		if roster.Len() != len(here) {
			t.Fatalf("%d are here; want %d", roster.Len(), len(here))
		}
	}
	if int(roster.used) > most {
		t.Errorf("%d slots for at most %d at a time", roster.used, most)
	}
	for slot, m := range here {
		if roster.At(int(slot)) != m {
			t.Errorf("slot %d has another owner", slot)
		}
	}
	seen := 0
	roster.Each(func(*int) { seen++ })
	if seen != len(here) {
		t.Errorf("Each met %d of %d", seen, len(here))
	}
}

// TestEachWhileTheyLeave: who is met may leave, and whoever is new may come.
func TestEachWhileTheyLeave(t *testing.T) {
	var roster Roster[int32]
	for range 3 {
		m := new(int32)
		*m = roster.Enter(m)
	}
	met := 0
	roster.Each(func(m *int32) {
		if met++; met > 10 {
			t.Fatal("meets newcomers without end")
		}
		roster.Leave(*m)
		if met == 1 {
			roster.Enter(new(int32)) // in the slot that is behind already
		}
	})
	if met != 3 || roster.Len() != 1 {
		t.Errorf("met %d, %d are left; want 3 and 1", met, roster.Len())
	}
}

// TestRosterGivesRoomBack: a crowd that has left leaves no table of its size behind, and who comes
// then gets a slot like the first.
func TestRosterGivesRoomBack(t *testing.T) {
	var r Roster[int]
	for round := range 2 {
		var slots []int32
		for i := range 3000 {
			slots = append(slots, r.Enter(&i))
		}
		if slots[0] != 1 || r.Len() != len(slots) {
			t.Fatalf("round %d: the first has slot %d, %d are here", round, slots[0], r.Len())
		}
		r.Each(func(*int) { // as when all are closed at stop
			r.Leave(slots[0])
			slots = slots[1:]
		})
		if len(slots) > 0 || r.Len() != 0 {
			t.Fatalf("round %d: %d have not left, %d are here", round, len(slots), r.Len())
		}
	}
}
