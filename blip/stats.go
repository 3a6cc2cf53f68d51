package blip

import "sync/atomic"

// Stats counts the traffic of a connection since its beginning.
type Stats struct {
	Sent, Received Traffic
}

// Traffic is one direction of a connection.
type Traffic struct {
	Messages   int64 // complete requests and replies
	Frames     int64 // including acknowledgements
	Bytes      int64 // bytes of frames on the wire
	Plain      int64 // bytes of message pieces before deflating, or after inflating
	Compressed int64 // the part of Plain that went through the deflate stream
}

// Stats returns the counts so far.
func (c *Conn) Stats() Stats {
	return Stats{Sent: c.stats.sent.load(), Received: c.stats.received.load()}
}

type counters struct{ sent, received traffic }

type traffic struct {
	messages, frames, bytes, plain, compressed atomic.Int64
}

func (t *traffic) frame(size int) {
	t.frames.Add(1)
	t.bytes.Add(int64(size))
}

func (t *traffic) piece(size int, flags Flags) {
	t.plain.Add(int64(size))
	if flags&Compressed != 0 {
		t.compressed.Add(int64(size))
	}
	if flags&MoreComing == 0 {
		t.messages.Add(1)
	}
}

func (t *traffic) load() Traffic {
	return Traffic{
		Messages:   t.messages.Load(),
		Frames:     t.frames.Load(),
		Bytes:      t.bytes.Load(),
		Plain:      t.plain.Load(),
		Compressed: t.compressed.Load(),
	}
}
