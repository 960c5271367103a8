package lab

import (
	"context"
	"encoding/binary"
	"fmt"
)

func f11() Row {
	return Row{
		F: 11, Name: "messages that stick together",
		Tried: "a peer writes 5 messages of 4 bytes, then the server reads",
		Idea:  "One write of the peer is one read of mine.",
		See:   "Works in every test by hand. Under load messages are lost, merged or cut in two.",
		Why: "TCP carries bytes, not messages. What has come together is read together, and what is " +
			"larger than a buffer comes in pieces.",
		Fix: "Say where a message ends: a length before each, or a delimiter after it; and keep what " +
			"is incomplete until the rest has come.",
		Safe:   "every model: sessions take bytes as they come, and are tested with every cut",
		Claim:  Claim{"messages understood of 5", Exactly, 5, ""},
		Faulty: Variant{"a read is a message", stuck(byRead)},
		Fixed:  Variant{"a length before each message", stuck(byLength)},
	}
}

// splitter takes what one read has brought, and returns how many messages have come, and the
// beginning of the next one.
type splitter func(bytes []byte) (messages int, rest []byte)

// stuck sends five small messages and then a large one, and returns how many of the five were
// understood.
func stuck(split splitter) func(context.Context, *Env) (Outcome, error) {
	return func(context.Context, *Env) (Outcome, error) {
		server, client, err := pair()
		if err != nil {
			return Outcome{}, err
		}
		defer closeAll([]int{server, client})
		for i := range 5 {
			if _, _, err := write(client, message(fmt.Sprintf("no %d", i))); err != nil {
				return Outcome{}, err
			}
		}
		small, reads, err := readAll(server, split)
		if err != nil {
			return Outcome{}, err
		}
		if _, _, err := write(client, message(string(make([]byte, largeMessage)))); err != nil {
			return Outcome{}, err
		}
		_, pieces, err := readAll(server, split)
		return Outcome{float64(small), Facts{
			"reads": float64(reads), "large_bytes": largeMessage, "large_reads": float64(pieces),
		}}, err
	}
}

const largeMessage = 100_000

// message is a text with its length before it.
func message(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// readAll reads what is there.
func readAll(fd int, split splitter) (messages, reads int, err error) {
	buf := make([]byte, 32<<10)
	var rest []byte
	for {
		n, none, err := read(fd, buf)
		if none || err != nil {
			return messages, reads, err
		}
		reads++
		var more int
		more, rest = split(append(rest, buf[:n]...))
		messages += more
	}
}

// byRead believes that what came in one read is one message.
func byRead([]byte) (int, []byte) { return 1, nil }

// byLength looks for whole messages.
func byLength(bytes []byte) (messages int, rest []byte) {
	for len(bytes) >= 4 {
		end := 4 + int(binary.BigEndian.Uint32(bytes))
		if len(bytes) < end {
			break
		}
		bytes = bytes[end:]
		messages++
	}
	return messages, bytes
}
