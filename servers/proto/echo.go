package proto

// Echo is RFC 862: every byte comes back, in order. The half-close that the RFC implies (the
// peer's FIN ends the conversation only after all its bytes came back) is the model's part.
func Echo() Protocol {
	return Protocol{Name: "echo", New: func() Session { return new(echo) }}
}

// echo has no state at all, so a session costs no memory: a new value of size zero is no allocation.
// Its methods are the pointer's, for a value's would be called by way of a wrapper.
type echo struct{}

func (*echo) Feed(out, in []byte) ([]byte, Verdict) { return append(out, in...), Continue }

func (*echo) Phase() Phase { return Idle }
