package servertest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"iomodels/servers"
	"iomodels/servers/proto"
)

// frameCases are about messages on a stream that knows none. What holds for any conversation is
// asked with echo and HTTP, and not once more with frames.
func frameCases() []Case {
	return []Case{
		{
			Name: "frames", Proto: "frame", Run: framesInAnyCut,
			Explanation: "frames of 0 bytes to the largest, stuck together and torn apart, come back whole and in order",
		},
		{
			Name: "frames-offload", Proto: "frame", Run: framesInAnyCut,
			Config:      func(c *servers.Config) { c.Offload = 2 },
			Explanation: "the same with handlers on a worker pool",
		},
		{
			Name: "fragments", Proto: "frame", Run: frameByteByByte,
			Explanation: "of a frame that comes byte by byte nothing is answered before its last byte, and then all",
		},
		{
			Name: "too-large", Proto: "frame", Run: frameTooLarge,
			Explanation: "a frame beyond the limit ends the connection; no RST destroys the answers to those before it",
		},
		{
			Name: "half-close", Proto: "frame", Run: frameHalfClose,
			Explanation: "frames followed by FIN are answered, then the server closes; one that is cut off by it is not",
		},
	}
}

// frame returns payload as it is sent.
func frame(payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
}

// frames returns n of them, of many sizes.
func frames(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 2))
	var all []byte
	for i := range n {
		size := rng.IntN(1 << rng.IntN(17)) // most of them small, none beyond the limit
		switch i {
		case 1:
			size = 0
		case 2:
			size = proto.DefaultFrame
		}
		all = append(all, frame(randomBytes(seed+uint64(i), size))...)
	}
	return all
}

func framesInAnyCut(e *Env) error {
	return each(4, func(i int) error {
		c, err := e.dial()
		if err != nil {
			return err
		}
		if err := echoed(c, frames(uint64(i), e.size(200, 20)), uint64(i)); err != nil {
			return err
		}
		return e.exchange(c)
	})
}

func frameByteByByte(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	for round := range uint64(3) {
		msg := frame(randomBytes(round, 40))
		for i, b := range msg {
			if i == len(msg)-1 {
				if err := silent(c, 20*time.Millisecond, e.Deadline); err != nil {
					return fmt.Errorf("after %d of %d bytes: %w", i, len(msg), err)
				}
			}
			if _, err := c.Write([]byte{b}); err != nil {
				return fmt.Errorf("write byte %d: %w", i, err)
			}
		}
		if err := wantBytes(c, msg); err != nil {
			return err
		}
	}
	return nil
}

func frameTooLarge(e *Env) error {
	good := frame([]byte("the last one"))
	bad := binary.BigEndian.AppendUint32(bytes.Clone(good), proto.DefaultFrame+1)
	for range 5 {
		c, err := e.dial()
		if err != nil {
			return err
		}
		if _, err := c.Write(append(bad, make([]byte, 256<<10)...)); err != nil {
			return fmt.Errorf("the peer's further bytes: %w", err)
		}
		if err := errors.Join(wantBytes(c, good), wantEOF(c)); err != nil {
			return err
		}
	}
	return e.served()
}

func frameHalfClose(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	msg := frames(5, e.size(50, 10))
	sent := make(chan error, 1)
	go func() { sent <- errors.Join(sendCut(c, append(bytes.Clone(msg), 0, 0, 1), 5), c.CloseWrite()) }()
	err = wantBytes(c, msg)
	if err == nil {
		err = wantEOF(c)
	}
	c.Close()
	return errors.Join(err, <-sent)
}
