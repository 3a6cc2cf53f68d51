package bliptest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/tandemdb/tandem/blip"
)

// The directions of a recorded conversation: the client is the side that dialed.
const (
	ToServer = "c>s"
	ToClient = "s>c"
)

// Event is one line of a recording.
type Event struct {
	Line      int    `json:"n"`
	Conn      int    `json:"conn"`
	Direction string `json:"dir"`
	Op        string `json:"op"`   // "http", "binary" (a BLIP frame), "ping", "pong" or "close"
	Text      string `json:"text"` // of "http"
	Data      []byte `json:"b64"`  // a whole WebSocket message, or the payload of "close"
	Millis    int64  `json:"ms"`   // since the start
}

// Message is a complete message of a recording.
type Message struct {
	Conn      int
	Direction string
	Number    uint64
	Flags     blip.Flags // of its first frame, without MoreComing and Compressed
	// Compressed says whether the first frame was deflated.
	Compressed bool
	Properties blip.Properties
	Body       []byte
	Line       int // of its last frame
}

// Load reads a recording with one line of JSON for each event.
func Load(path string) ([]Event, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	decoder := json.NewDecoder(bufio.NewReader(file))
	var events []Event
	for {
		var e Event
		switch err := decoder.Decode(&e); err {
		case nil:
			events = append(events, e)
		case io.EOF:
			return events, nil
		default:
			return nil, fmt.Errorf("%s: event %d: %w", path, len(events)+1, err)
		}
	}
}

// Messages decodes all frames of a recording, checks every checksum, and returns the messages in
// the order of their completion. It omits messages cut off by the end of their connection.
func Messages(events []Event) ([]Message, error) {
	streams := make(map[streamKey]*stream)
	defer func() {
		for _, s := range streams {
			s.decoder.Close()
		}
	}()
	var messages []Message
	for _, e := range events {
		if e.Op != "binary" {
			continue
		}
		key := streamKey{e.Conn, e.Direction}
		if streams[key] == nil {
			streams[key] = &stream{decoder: blip.NewDecoder(1 << 30), open: make(map[messageKey]*Message)}
		}
		m, err := streams[key].frame(e)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", e.Line, err)
		}
		if m != nil {
			messages = append(messages, *m)
		}
	}
	return messages, nil
}

type streamKey struct {
	conn      int
	direction string
}

type messageKey struct {
	number uint64
	reply  bool
}

// stream is one direction of one connection.
type stream struct {
	decoder *blip.Decoder
	open    map[messageKey]*Message
}

// frame decodes a frame, and returns the message that it completes, or nil.
func (s *stream) frame(e Event) (*Message, error) {
	f, err := s.decoder.Decode(e.Data)
	if err != nil || f.Flags.Type() > blip.TypeERR {
		return nil, err // acknowledgements belong to no message
	}
	key := messageKey{f.Number, f.Flags.Type() != blip.TypeMSG}
	m := s.open[key]
	if m == nil {
		m = &Message{
			Conn: e.Conn, Direction: e.Direction, Number: f.Number,
			Flags:      f.Flags &^ (blip.MoreComing | blip.Compressed),
			Compressed: f.Flags&blip.Compressed != 0,
		}
		s.open[key] = m
	}
	m.Body = append(m.Body, f.Body...)
	if f.Flags&blip.MoreComing != 0 {
		return nil, nil
	}
	delete(s.open, key)
	m.Line = e.Line
	m.Properties, m.Body, err = blip.ParseMessage(m.Body)
	return m, err
}
