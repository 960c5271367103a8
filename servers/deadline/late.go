package deadline

// Late is a deadline that is only worked out when somebody looks, from what has happened since
// the look before. It is for connections that a foreign library serves: a request sets a flag or
// two, and nobody reads the clock for it. The price: a time-out strikes later, by the time between
// two looks. It never strikes early. The zero value is ready.
type Late struct{ d Deadline }

// Look tells what the connection waits for now, whether bytes moved since the last look, and
// whether a request was answered; it reports whether the peer has used up its time.
func (l *Late) Look(p Policy, now Tick, w Wait, moved, answered bool) bool {
	if l.d == (Deadline{}) || moved || w != l.d.Wait {
		l.d = p.Next(l.d, now, w, answered)
	}
	return now >= l.d.Due
}
