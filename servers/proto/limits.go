package proto

// Limits bound what one session of HTTP or of frames may make the server hold. A zero field means
// its default; the defaults are meant for a server that strangers can reach. A negative limit means
// zero, and those that are int stop at 1 GiB.
type Limits struct {
	RequestLine int   // bytes of the request line without CRLF, 8 KiB; beyond: 414 (a method: 501)
	HeaderBytes int   // bytes of all field lines of a head, 16 KiB; beyond: 431. Trailers have the same bound
	Headers     int   // field lines of a head, 100; beyond: 431. Trailers have the same bound
	Body        int   // bytes of one request body, 16 MiB; beyond: 413
	BodyBudget  int64 // bytes of buffers for bodies, all sessions of the Protocol, 256 MiB; beyond: 503
	// Frame is how many bytes of payload a frame may have, 64 KiB; beyond, the connection ends. It
	// also bounds what is owed to a peer that does not read, besides OutputBound.
	Frame int
}

// The default limits. RFC 9112 (3) asks for request lines of at least 8000 bytes.
const (
	DefaultRequestLine = 8 << 10
	DefaultHeaderBytes = 16 << 10
	DefaultHeaders     = 100
	DefaultBody        = 16 << 20
	DefaultBodyBudget  = 256 << 20
	DefaultFrame       = 64 << 10
)

// maxEmptyLines is how many empty lines may stand before a request line. RFC 9112 (2.2) asks
// for one at least; without a bound a peer could keep a connection busy without ever asking.
const maxEmptyLines = 8

// withDefaults fills in what was left zero.
func (l Limits) withDefaults() Limits {
	const most = 1 << 30 // keeps the arithmetic of sessions within 32 bits
	set := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
		*v = min(max(*v, 0), most)
	}
	set(&l.RequestLine, DefaultRequestLine)
	set(&l.HeaderBytes, DefaultHeaderBytes)
	set(&l.Headers, DefaultHeaders)
	set(&l.Body, DefaultBody)
	set(&l.Frame, DefaultFrame)
	if l.BodyBudget == 0 {
		l.BodyBudget = DefaultBodyBudget
	}
	return l
}

// roomForFields is how long the first field line may be: its CRLF counts as
// well.
func (l *Limits) roomForFields() int32 { return int32(max(l.HeaderBytes-len("\r\n"), 0)) }
