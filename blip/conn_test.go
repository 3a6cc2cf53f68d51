package blip_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a running Conn.
type running struct {
	*blip.Conn
	ended chan error
}

func run(t testing.TB, pipe blip.Pipe, cfg blip.Config) *running {
	t.Helper()
	r := &running{Conn: blip.NewConn(pipe, cfg), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.ended <- r.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

// connect returns two conns that talk to each other.
func connect(t testing.TB, a, b blip.Config) (*running, *running) {
	t.Helper()
	left, right := blip.NewPipePair()
	return run(t, left, a), run(t, right, b)
}

// echo answers each request with the same message.
func echo(r *blip.Request) {
	r.Reply(&blip.Message{Properties: r.Properties, Body: r.Body, Compress: true})
}

func call(t testing.TB, c *running, m *blip.Message) (*blip.Reply, error) {
	t.Helper()
	return c.Call(context.Background(), m)
}

func TestReplyCarriesPropertiesAndBody(t *testing.T) {
	for _, mode := range []blip.Compression{blip.Adaptive, blip.Always, blip.Never} {
		for _, size := range []int{0, 1, 100, 200, 16384, 100_000, 3_000_000} {
			t.Run(fmt.Sprint(mode, "/", size), func(t *testing.T) {
				a, _ := connect(t, blip.Config{Compression: mode}, blip.Config{Handler: echo, Compression: mode})
				body := strings.Repeat("0123456789abcdef!", size/17+1)[:size]
				reply, err := call(t, a, &blip.Message{
					Properties: blip.Props("Profile", "echo", "empty", "", "naïve", "ü"),
					Body:       []byte(body), Compress: true,
				})
				if err != nil {
					t.Fatal(err)
				}
				if got := string(reply.Body); got != body {
					t.Errorf("body of %d bytes came back as %d", len(body), len(got))
				}
				if v, ok := reply.Properties.Get("empty"); !ok || v != "" || reply.Properties.Value("naïve") != "ü" {
					t.Errorf("properties came back as %v", reply.Properties)
				}
				a.Close(1000, "")
				if err := <-a.ended; err != nil {
					t.Errorf("Run after Close = %v, want nil", err)
				}
			})
		}
	}
}

// isProtocolError reports whether err says that the peer broke the protocol.
func isProtocolError(err error) bool { return errors.Is(err, fault.ProtocolError) }

// newNoise returns a source of bytes that do not deflate.
func newNoise(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// foreignFramer makes compressed frames with another deflate library.
type foreignFramer struct{ crc uint32 }

func newForeignFramer() *foreignFramer { return &foreignFramer{} }

func (f *foreignFramer) frame(deflated, plain []byte) []byte {
	f.crc = crc32.Update(f.crc, crc32.IEEETable, plain)
	raw := append([]byte{1, byte(blip.Compressed)}, deflated...)
	return binary.BigEndian.AppendUint32(raw, f.crc)
}

// mend gives an uncompressed frame its right checksum.
func (f *foreignFramer) mend(raw []byte) []byte {
	_, n := binary.Uvarint(raw)
	if n <= 0 || len(raw) < n+5 {
		return raw
	}
	flags, m := binary.Uvarint(raw[n:])
	kind := blip.Flags(flags).Type()
	if m <= 0 || kind > blip.TypeERR || blip.Flags(flags)&blip.Compressed != 0 || len(raw) < n+m+4 {
		return raw
	}
	raw = bytes.Clone(raw)
	body := raw[n+m : len(raw)-4]
	f.crc = crc32.Update(f.crc, crc32.IEEETable, body)
	binary.BigEndian.PutUint32(raw[len(raw)-4:], f.crc)
	return raw
}
