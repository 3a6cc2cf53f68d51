package websocket

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// The opcodes of RFC 6455 §5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

const (
	maxHeader  = 14  // the longest frame header
	maxControl = 125 // the longest payload of a control frame
	finBit     = 0x80
	maskBit    = 0x80
)

// header is the header of a frame.
type header struct {
	final  bool
	rsv    byte
	opcode byte
	masked bool
	key    [4]byte
	length uint64
}

func (h header) isControl() bool { return h.opcode&0x8 != 0 }

// headerSize returns the length of a header, given a frame's first two bytes.
func headerSize(b []byte) int {
	n := 2
	switch b[1] &^ maskBit {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if b[1]&maskBit != 0 {
		n += 4
	}
	return n
}

// parseHeader reads a header from exactly headerSize bytes.
func parseHeader(b []byte) header {
	h := header{final: b[0]&finBit != 0, rsv: b[0] & 0x70, opcode: b[0] & 0x0F, masked: b[1]&maskBit != 0}
	switch n := b[1] &^ maskBit; n {
	case 126:
		h.length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		h.length = binary.BigEndian.Uint64(b[2:])
	default:
		h.length = uint64(n)
	}
	if h.masked {
		copy(h.key[:], b[len(b)-4:])
	}
	return h
}

// check returns the protocol violation of a frame that this side has received, or "". inside is
// true between the parts of a message.
func (h header) check(client, inside bool) string {
	switch {
	case h.rsv != 0:
		return "reserved bits are set"
	case h.masked == client:
		return map[bool]string{true: "a server's frame is masked", false: "a client's frame is not masked"}[client]
	case h.opcode > opBinary && h.opcode < opClose || h.opcode > opPong:
		return fmt.Sprintf("unknown opcode %d", h.opcode)
	case h.isControl() && !h.final:
		return "control frame in parts"
	case h.isControl() && h.length > maxControl:
		return "control frame is too long"
	case h.opcode == opContinuation && !inside:
		return "continuation of nothing"
	case (h.opcode == opText || h.opcode == opBinary) && inside:
		return "new message inside another"
	}
	return ""
}

// appendFrame appends a whole frame to dst. A client masks it with a fresh key.
func appendFrame(dst []byte, opcode byte, payload []byte, masked bool) []byte {
	var bit byte
	if masked {
		bit = maskBit
	}
	dst = append(dst, finBit|opcode)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, bit|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, bit|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, bit|127), uint64(n))
	}
	if !masked {
		return append(dst, payload...)
	}
	var key [4]byte
	rand.Read(key[:])
	dst = append(dst, key[:]...)
	from := len(dst)
	dst = append(dst, payload...)
	mask(dst[from:], key)
	return dst
}

// mask applies key to b; masking and unmasking are the same operation.
func mask(b []byte, key [4]byte) {
	word := uint64(binary.LittleEndian.Uint32(key[:]))
	word |= word << 32
	for len(b) >= 32 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
		binary.LittleEndian.PutUint64(b[8:], binary.LittleEndian.Uint64(b[8:])^word)
		binary.LittleEndian.PutUint64(b[16:], binary.LittleEndian.Uint64(b[16:])^word)
		binary.LittleEndian.PutUint64(b[24:], binary.LittleEndian.Uint64(b[24:])^word)
		b = b[32:]
	}
	for i := range b {
		b[i] ^= key[i&3]
	}
}
