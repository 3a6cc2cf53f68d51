package websocket_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/transport/websocket"
)

// frame returns a client's frame with a mask of zeros, for payloads below 126 bytes.
func frame(first byte, payload string) []byte {
	return append([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

// head returns the header of a client's frame with a length in 64 bits.
func head(first byte, length uint64) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{first, 0xFF}, length), 0, 0, 0, 0)
}

func TestTextCountsAsBinaryIfItIsUTF8(t *testing.T) {
	a, b := sockets(t)
	server := open(t, b, websocket.Config{})
	raw := bytes.Join([][]byte{
		frame(0x81, "good – text"), frame(0x81, "bad \xff text"), frame(0x01, "two "), frame(0x80, "parts"),
		frame(0x82, "\xffbinary"),
	}, nil)
	if _, err := a.Write(raw); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"good – text", "two parts", "\xffbinary"} {
		if got, err := server.Read(t.Context()); err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
}

func TestControlFramesMayComeBetweenParts(t *testing.T) {
	a, b := sockets(t)
	server := open(t, b, websocket.Config{})
	raw := bytes.Join([][]byte{frame(0x02, "one "), frame(0x89, "alive?"), frame(0x8A, ""), frame(0x80, "message")}, nil)
	if _, err := a.Write(raw); err != nil {
		t.Fatal(err)
	}
	if got, err := server.Read(t.Context()); err != nil || string(got) != "one message" {
		t.Fatalf("got %q, %v", got, err)
	}
	want := append([]byte{0x8A, 6}, "alive?"...)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(a, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("answer %x, %v; want the PONG %x", got, err, want)
	}
}

func TestBrokenFramesEndTheConnection(t *testing.T) {
	tests := map[string]struct {
		bytes []byte
		code  int
	}{
		"reserved bit":            {frame(0xC2, "x"), 1002},
		"no mask":                 {[]byte{0x82, 1, 'x'}, 1002},
		"unknown data opcode":     {frame(0x83, "x"), 1002},
		"unknown control opcode":  {frame(0x8B, "x"), 1002},
		"ping in parts":           {frame(0x09, "x"), 1002},
		"long ping":               {[]byte{0x89, 0xFE, 0, 126, 0, 0, 0, 0}, 1002},
		"continuation of nothing": {frame(0x80, "x"), 1002},
		"message within message":  {append(frame(0x02, "x"), frame(0x82, "y")...), 1002},
		"one byte over the limit": {head(0x82, 1<<20+1), 1009},
		"too long in parts":       {append(frame(0x02, "x"), head(0x80, 1<<20)...), 1009},
		"absurd length":           {head(0x82, 1<<62), 1009},
		"length beyond 63 bits":   {head(0x82, 1<<63), 1009},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, b := sockets(t)
			server := open(t, b, websocket.Config{})
			if _, err := a.Write(test.bytes); err != nil {
				t.Fatal(err)
			}
			_ = a.(*net.TCPConn).CloseWrite()
			_, err := server.Read(t.Context())
			if f := fault.Of(err); f == nil || f.Domain != fault.WebSocket || f.Code != test.code {
				t.Errorf("got %v, want WebSocket/%d", err, test.code)
			}
			if _, again := server.Read(t.Context()); !errors.Is(again, err) {
				t.Errorf("then %v, want the same error again", again)
			}
			answer, err := io.ReadAll(a)
			if err != nil || len(answer) < 4 || answer[0] != 0x88 || int(binary.BigEndian.Uint16(answer[2:])) != test.code {
				t.Errorf("the peer got % x, %v; want CLOSE %d", answer, err, test.code)
			}
		})
	}
}

func TestMemoryGrowsWithWhatComesOnly(t *testing.T) {
	a, b := sockets(t)
	server := open(t, b, websocket.Config{Limit: 1 << 30})
	if _, err := a.Write(append(head(0x82, 1<<30), "just this"...)); err != nil {
		t.Fatal(err)
	}
	_ = a.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := server.Read(t.Context())
	runtime.ReadMemStats(&after)
	if code, _ := closeOf(err); code != 1006 {
		t.Errorf("got %v, want 1006", err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("%d bytes were taken for a message that never came", grown)
	}
}

// FuzzRead feeds foreign bytes to both roles: the connection must end, and stay within its limit.
func FuzzRead(f *testing.F) {
	f.Add(frame(0x82, "hello"), false)
	f.Add(append(frame(0x01, "a"), frame(0x80, "b")...), false)
	f.Add(append(frame(0x89, "ping"), frame(0x88, "\x03\xe8bye")...), false)
	f.Add(head(0x82, 1<<63), false)
	f.Add([]byte{0x82, 5, 'h', 'e', 'l', 'l', 'o'}, true)
	f.Add([]byte{0x88, 1, 0}, true)
	for _, m := range fuzzing.Recorded(f, "changes", "setCheckpoint") {
		f.Add(frame(0x82, string(m.Body)), false)
	}
	f.Fuzz(func(t *testing.T, foreign []byte, client bool) {
		fuzzing.Bounded(t, len(foreign), func() { readAll(t, foreign, client) })
	})
}

func readAll(t *testing.T, foreign []byte, client bool) {
	t.Helper()
	const limit = 1000
	c := websocket.New(newScripted(foreign), websocket.Config{Client: client, Limit: limit})
	defer c.Abort()
	for {
		m, err := c.Read(context.Background())
		if err != nil {
			return
		}
		if len(m) > limit {
			t.Fatalf("a message of %d bytes, above the limit", len(m))
		}
	}
}

// scripted is a connection that receives given bytes and drops sent ones.
type scripted struct{ *bytes.Reader }

func newScripted(in []byte) net.Conn { return scripted{bytes.NewReader(in)} }

func (scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (scripted) Close() error                     { return nil }
func (scripted) LocalAddr() net.Addr              { return nil }
func (scripted) RemoteAddr() net.Addr             { return nil }
func (scripted) SetDeadline(time.Time) error      { return nil }
func (scripted) SetReadDeadline(time.Time) error  { return nil }
func (scripted) SetWriteDeadline(time.Time) error { return nil }

// Closing a TCP connection with unread bytes resets it, and the CLOSE would be lost.
func TestACloseArrivesDespiteBytesUnread(t *testing.T) {
	a, b := sockets(t)
	server := open(t, b, websocket.Config{})
	if _, err := a.Write(append(frame(0xC2, "broken"), make([]byte, 200_000)...)); err != nil {
		t.Fatal(err)
	}
	_ = a.(*net.TCPConn).CloseWrite()
	if _, err := server.Read(t.Context()); err == nil {
		t.Fatal("a broken frame was taken")
	}
	if answer, err := io.ReadAll(a); err != nil || len(answer) == 0 || answer[0] != 0x88 {
		t.Errorf("the peer got % x, %v; want a CLOSE", answer, err)
	}
}
