package pending

import (
	"testing"

	"iomodels/servers/proactor"
)

// op returns an operation as Submit begins it.
func op(fd int32, kind proactor.Kind) *proactor.Op {
	op := &proactor.Op{FD: fd}
	op.Begin(kind)
	return op
}

func TestFindsWhatIsPendingAndNothingElse(t *testing.T) {
	var table Table
	in, out := op(7, proactor.Receive), op(7, proactor.SendLazily)
	table.Add(in)
	table.Add(out)
	out.Mark |= Quietly
	for _, op := range []*proactor.Op{in, out} {
		if got := table.Find(UserData(op)); got != op || IsQuiet(UserData(op)) != (op == out) {
			t.Errorf("found %p; want %p", got, op)
		}
	}
	if gotIn, gotOut := table.On(7); gotIn != in || gotOut != out || table.Count != 2 {
		t.Errorf("on 7: %p, %p, %d in all", gotIn, gotOut, table.Count)
	}
	late := UserData(in)
	table.Add(in) // submitted anew
	if table.Find(late) != nil || table.Find(UserData(in)) != in || table.Count != 2 {
		t.Error("a completion that came after its time found the next submission")
	}
	if in, out := table.On(1000); in != nil || out != nil || table.Find(1000<<1) != nil || table.Find(0) != nil {
		t.Error("found what was never there")
	}
}

func TestDescriptorIsClosedAfterItsLastOperation(t *testing.T) {
	var table Table
	in, out := op(7, proactor.Receive), op(7, proactor.Send)
	table.Add(in)
	table.Add(out)
	in.Mark |= Closing
	out.Mark |= Closing
	if table.Remove(in) {
		t.Error("to be closed while a send is pending")
	}
	if !table.Remove(out) || table.Count != 0 {
		t.Error("not to be closed after the last")
	}
}

func TestTokenZeroIsNobodys(t *testing.T) {
	table := Table{token: ^uint32(0)}
	in := op(7, proactor.Receive)
	if table.Add(in); in.Token == 0 {
		t.Error("an operation has the token of entries that nobody waits for")
	}
}

func TestTwoOfOneDirectionPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("two receives on one descriptor, and nobody noticed")
		}
	}()
	var table Table
	table.Add(op(7, proactor.Receive))
	table.Add(op(7, proactor.Receive))
}

func TestQuietSendsThatTheKernelHasTaken(t *testing.T) {
	var table Table
	var quiet Quiet
	const before = ^uint32(0) - 1 // entries: the count wraps around
	ops := []*proactor.Op{op(1, proactor.Send), op(2, proactor.Send), op(3, proactor.Send)}
	for i, op := range ops {
		table.Add(op)
		quiet.Add(op, before+uint32(i))
	}
	for taken, want := range []int{0, 1, 2, 3} {
		if got := quiet.Taken(before - 1 + uint32(taken)); got != want {
			t.Errorf("%d entries taken: %d sends; want %d", taken, got, want)
		}
	}
	ops[0].Pending = false // it failed, and its failure was told
	table.Add(ops[1])      // it failed for want of room, and was submitted anew
	if quiet.At(0) != nil || quiet.At(1) != nil || quiet.At(2) != ops[2] {
		t.Errorf("succeeded: %v, %v, %v; want the third alone", quiet.At(0), quiet.At(1), quiet.At(2))
	}
	if quiet.Forget(2); quiet.Len() != 1 || quiet.At(0) != ops[2] {
		t.Error("forgot too much or too little")
	}
}
