package blip_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
)

// source is a body that counts how often it was closed.
type source struct {
	io.Reader
	closed int
}

func (s *source) Close() error {
	s.closed++
	return nil
}

func TestBodyIsStreamedFromReaderToSink(t *testing.T) {
	big := make([]byte, 5_000_000)
	_, _ = newNoise(1).Read(big)
	sizes := []int{0, 1, 16352, 16366, 16367, 16368, 16369, 16370, 16384, 32740, 100_000, len(big)}
	for _, size := range sizes {
		body := big[:size]
		for name, reader := range map[string]io.Reader{
			"whole":       bytes.NewReader(body),
			"halves":      iotest.HalfReader(bytes.NewReader(body)),
			"end at once": iotest.DataErrReader(bytes.NewReader(body)),
		} {
			src := &source{Reader: reader}
			a, b := connect(t, blip.Config{MaxMessage: 100_000, MaxBuffered: 1 << 20}, blip.Config{
				Handler: func(r *blip.Request) {
					r.Reply(&blip.Message{Properties: blip.Props("k", "v"), BodyReader: src, Compress: true})
				},
			})
			var sink bytes.Buffer
			reply, err := call(t, a, &blip.Message{Sink: &sink})
			if err != nil {
				t.Fatalf("%d bytes, %s: %v", size, name, err)
			}
			if !bytes.Equal(sink.Bytes(), body) || reply.Size != int64(size) || reply.Body != nil {
				t.Errorf("%d bytes, %s: got %d in the sink, Size %d", size, name, sink.Len(), reply.Size)
			}
			if reply.Properties.Value("k") != "v" {
				t.Errorf("%d bytes, %s: properties %v", size, name, reply.Properties)
			}
			a.Close(1000, "")
			<-a.ended
			<-b.ended
			if src.closed != 1 {
				t.Errorf("%d bytes, %s: reader was closed %d times", size, name, src.closed)
			}
		}
	}
}

func TestAnUnreadableBodyFailsItsMessage(t *testing.T) {
	errDisk := errors.New("disk on fire")
	bad := func(good int) *source {
		return &source{Reader: io.MultiReader(bytes.NewReader(make([]byte, good)), iotest.ErrReader(errDisk))}
	}
	t.Run("of a request fails that request", func(t *testing.T) {
		a, _ := connect(t, blip.Config{}, blip.Config{Handler: echo})
		src := bad(10)
		if _, err := call(t, a, &blip.Message{BodyReader: src}); !errors.Is(err, errDisk) {
			t.Errorf("got %v, want the reader's error", err)
		}
		if _, err := call(t, a, &blip.Message{Body: []byte("fine")}); err != nil {
			t.Errorf("the next request fails too: %v", err)
		}
		if src.closed != 1 || a.Queued() != 0 {
			t.Errorf("closed %d times, %d bytes queued", src.closed, a.Queued())
		}
	})
	t.Run("of a reply becomes an error", func(t *testing.T) {
		src := bad(10)
		a, _ := connect(t, blip.Config{}, blip.Config{Handler: func(r *blip.Request) {
			r.Reply(&blip.Message{BodyReader: src})
		}})
		if _, err := call(t, a, &blip.Message{}); !errors.Is(err, fault.New("BLIP", 501, "")) {
			t.Errorf("got %v, want BLIP 501", err)
		}
	})
	t.Run("that has begun ends the connection", func(t *testing.T) {
		src := bad(100_000)
		a, b := connect(t, blip.Config{}, blip.Config{Handler: echo})
		if _, err := call(t, a, &blip.Message{BodyReader: src}); !errors.Is(err, errDisk) {
			t.Errorf("got %v, want the reader's error", err)
		}
		if err := <-a.ended; !errors.Is(err, errDisk) {
			t.Errorf("Run = %v, want the reader's error", err)
		}
		if err := <-b.ended; !errors.Is(err, fault.ConnectionLost) {
			t.Errorf("the other side's Run = %v, want ConnectionLost", err)
		}
		if src.closed != 1 {
			t.Errorf("closed %d times", src.closed)
		}
	})
	t.Run("truncated is not the end", func(t *testing.T) {
		a, _ := connect(t, blip.Config{}, blip.Config{Handler: echo})
		cut := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF))
		if _, err := call(t, a, &blip.Message{BodyReader: cut}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v, want ErrUnexpectedEOF", err)
		}
	})
}

func TestBodyReaderIsClosedWhenNothingIsSent(t *testing.T) {
	conn, _ := withPeer(t, blip.Config{})
	src := &source{Reader: strings.NewReader("x")}
	if err := conn.Send(&blip.Message{Properties: blip.Props("a\x00", ""), BodyReader: src}, nil); err == nil {
		t.Error("Send took a NUL")
	}
	conn.Abort(nil)
	<-conn.ended
	if err := conn.Send(&blip.Message{BodyReader: src}, nil); err == nil {
		t.Error("Send after the end = nil")
	}
	if src.closed != 2 {
		t.Errorf("closed %d of 2 times", src.closed)
	}
}

// failing accepts some writes and then fails.
type failing struct{ left int }

var errFull = errors.New("disk is full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestFullSinkFailsItsRequestOnly(t *testing.T) {
	a, _ := connect(t, blip.Config{}, blip.Config{Handler: func(r *blip.Request) {
		r.Reply(&blip.Message{Body: make([]byte, 400_000)})
	}})
	if _, err := call(t, a, &blip.Message{Sink: &failing{3}}); !errors.Is(err, errFull) {
		t.Errorf("got %v, want the sink's error", err)
	}
	if reply, err := call(t, a, &blip.Message{}); err != nil || len(reply.Body) != 400_000 {
		t.Errorf("the next request: %v", err)
	}
}

func TestErrorDoesNotGoToTheSink(t *testing.T) {
	a, _ := connect(t, blip.Config{}, blip.Config{Handler: func(r *blip.Request) { r.ReplyError("HTTP", 404, "none") }})
	var sink bytes.Buffer
	_, err := call(t, a, &blip.Message{Sink: &sink})
	var e *blip.Error
	if !errors.As(err, &e) || e.Text != "none" || sink.Len() != 0 {
		t.Errorf("got %v, and %q in the sink", err, sink.String())
	}
}

func TestPropertiesTheWireCannotCarry(t *testing.T) {
	conn, _ := withPeer(t, blip.Config{})
	for name, props := range map[string]blip.Properties{
		"NUL in key":    blip.Props("a\x00b", "c"),
		"NUL in value":  blip.Props("a", "b\x00"),
		"not UTF-8":     blip.Props("a", "\xff"),
		"102401 bytes":  blip.Props("a", strings.Repeat("x", 102_398)),
		"key not UTF-8": blip.Props("\xc3", "b"),
	} {
		if err := conn.Send(&blip.Message{Properties: props}, nil); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: Send = %v, want Invalid", name, err)
		}
	}
}

func TestTheLargestPropertiesPass(t *testing.T) {
	a, _ := connect(t, blip.Config{}, blip.Config{Handler: echo})
	value := strings.Repeat("x", 102_397)
	reply, err := call(t, a, &blip.Message{Properties: blip.Props("a", value), Body: []byte("body")})
	if err != nil || reply.Properties.Value("a") != value || string(reply.Body) != "body" {
		t.Errorf("properties of 102400 bytes: %v", err)
	}
}

func TestReplyWithBadPropertiesBecomesAnError(t *testing.T) {
	src := &source{Reader: strings.NewReader("x")}
	a, _ := connect(t, blip.Config{}, blip.Config{Handler: func(r *blip.Request) {
		r.Reply(&blip.Message{Properties: blip.Props("a", "\x00"), BodyReader: src})
	}})
	if _, err := call(t, a, &blip.Message{}); !errors.Is(err, fault.New("BLIP", 501, "")) || src.closed != 1 {
		t.Errorf("got %v, want BLIP 501; body closed %d times", err, src.closed)
	}
}

// Only messages in progress count for MaxBuffered, however much traffic the connection has had.
func TestCompleteMessagesAreNoLongerHeld(t *testing.T) {
	cfg := blip.Config{MaxBuffered: 50_000, Handler: echo}
	a, b := connect(t, cfg, cfg)
	for i := range 30 {
		for _, m := range []*blip.Message{{Body: make([]byte, 20_000)}, {}} {
			for _, sender := range []*running{a, b} {
				if _, err := call(t, sender, m); err != nil {
					t.Fatalf("round %d: %v", i, err)
				}
			}
		}
		if err := a.Send(&blip.Message{Body: make([]byte, 20_000), NoReply: true}, nil); err != nil {
			t.Fatal(err)
		}
	}
}
