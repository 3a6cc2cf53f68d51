package blip_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/blip/bliptest"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/fuzzing"
)

// joinFrames makes one input of many frames, each with its length before it.
func joinFrames(events []bliptest.Event, direction string) []byte {
	var input []byte
	for _, e := range events {
		if e.Op == "binary" && e.Direction == direction && e.Conn == 1 {
			input = append(binary.AppendUvarint(input, uint64(len(e.Data))), e.Data...)
		}
	}
	return input
}

// cutFrame undoes joinFrames for any input.
func cutFrame(input []byte) (frame, rest []byte) {
	size, n := binary.Uvarint(input)
	if n <= 0 {
		return input, nil
	}
	size = min(size, uint64(len(input)-n))
	return input[n : n+int(size)], input[n+int(size):]
}

func seed(f *testing.F) {
	for _, path := range recordings(f)[:8] {
		events, err := bliptest.Load(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(joinFrames(events, bliptest.ToServer))
		f.Add(joinFrames(events, bliptest.ToClient))
	}
}

func FuzzFrame(f *testing.F) {
	seed(f)
	bomb, err := blip.NewEncoder(9).Append(nil, 1, blip.Compressed, make([]byte, 32<<20))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(binary.AppendUvarint(nil, uint64(len(bomb))), bomb...))
	f.Fuzz(func(t *testing.T, input []byte) {
		const limit = 1 << 20
		decoder := blip.NewDecoder(limit)
		defer decoder.Close()
		for len(input) > 0 {
			var raw []byte
			raw, input = cutFrame(input)
			var frame blip.Frame
			var err error
			fuzzing.Within(t, 8*limit, func() { frame, err = decoder.Decode(raw) }) // a buffer grows to the limit
			if err != nil {
				if fault.Of(err) == nil {
					t.Fatalf("error %v has no code", err)
				}
				return
			}
			if len(frame.Body) > limit+64<<10 {
				t.Fatalf("frame of %d bytes became %d", len(raw), len(frame.Body))
			}
		}
	})
}

// lenientPipe reads frames from a script and corrects their checksums, so that fuzzing gets past
// them.
type lenientPipe struct {
	input []byte
	sums  foreignFramer
}

func (p *lenientPipe) Read(context.Context) ([]byte, error) {
	if len(p.input) == 0 {
		return nil, io.EOF
	}
	var raw []byte
	raw, p.input = cutFrame(p.input)
	return p.sums.mend(raw), nil
}

func (p *lenientPipe) Write(context.Context, []byte) error { return nil }
func (p *lenientPipe) Flush(context.Context) error         { return nil }
func (p *lenientPipe) Close(int, string) error             { return nil }
func (p *lenientPipe) Abort() error                        { return nil }

func FuzzConn(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, input []byte) {
		conn := blip.NewConn(&lenientPipe{input: input}, blip.Config{
			MaxMessage: 1 << 20, MaxBuffered: 4 << 20, ReplyTimeout: -1, Handler: echo,
		})
		completed := 0
		for range 3 {
			if err := conn.Send(&blip.Message{Body: []byte("question")}, func(*blip.Reply, error) { completed++ }); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		// A byte inflates to at most a thousand, held as frame, message and echo.
		fuzzing.Within(t, uint64(16<<20+4096*len(input)), func() { err = conn.Run(t.Context()) })
		if fault.Of(err) == nil || errors.Is(err, fault.Unexpected) {
			t.Fatalf("Run = %v, want an error with a code", err)
		}
		if completed != 3 {
			t.Fatalf("%d of 3 requests were completed", completed)
		}
	})
}
