package exercise

import "encoding/binary"

// solution08 takes what has come, and returns the messages that are whole, and what is left.
func solution08(stream []byte) (messages []string, rest []byte) {
	for len(stream) >= 4 {
		end := 4 + int(binary.BigEndian.Uint32(stream))
		if len(stream) < end {
			break
		}
		messages = append(messages, string(stream[4:end]))
		stream = stream[end:]
	}
	return messages, stream
}
