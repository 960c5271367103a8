package exercise

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// check08 cuts a stream of messages in two, at every place, and into single bytes.
func check08(frames func(stream []byte) (messages []string, rest []byte)) error {
	want := []string{"", "a", "hello", strings.Repeat("long ", 60)}
	var stream []byte
	for _, m := range want {
		stream = append(binary.BigEndian.AppendUint32(stream, uint32(len(m))), m...)
	}
	play := func(pieces ...[]byte) error {
		var got []string
		var rest []byte
		for _, piece := range pieces {
			var more []string
			more, rest = frames(append(slices.Clone(rest), piece...))
			got = append(got, more...)
		}
		if !slices.Equal(got, want) || len(rest) > 0 {
			return fmt.Errorf("in %d pieces: %d messages and %d bytes left; want %d messages",
				len(pieces), len(got), len(rest), len(want))
		}
		return nil
	}
	for cut := range stream {
		if err := play(stream[:cut], stream[cut:]); err != nil {
			return err
		}
	}
	return play(slices.Collect(slices.Chunk(stream, 1))...)
}
