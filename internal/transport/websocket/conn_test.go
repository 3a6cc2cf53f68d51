package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/transport/websocket"
)

var sizes = []int{0, 1, 125, 126, 127, 16 << 10, 65535, 65536, 65537, 1 << 20}

// pattern returns a message in which every shift is visible.
func pattern(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func TestMessagesArriveWholeInEitherDirection(t *testing.T) {
	client, server := pair(t)
	for name, ends := range map[string][2]*websocket.Conn{
		"to the server": {client, server}, "to the client": {server, client},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range sizes {
				want := pattern(size)
				go send(t, ends[0], want)
				got, err := ends[1].Read(t.Context())
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d bytes: got %d, %v", size, len(got), err)
				}
			}
		})
	}
}

// Another implementation checks our bytes, and we check its bytes.
func TestAnotherImplementationAgrees(t *testing.T) {
	client, server := sockets(t)
	t.Run("as server", func(t *testing.T) {
		checkAgainst(t, open(t, client, websocket.Config{Client: true}), coderServer(t, server))
	})
	client, server = sockets(t)
	t.Run("as client", func(t *testing.T) {
		checkAgainst(t, open(t, server, websocket.Config{}), coderClient(t, client))
	})
}

func checkAgainst(t *testing.T, ours *websocket.Conn, theirs *coder.Conn) {
	theirs.SetReadLimit(-1)
	for _, size := range sizes {
		want := pattern(size)
		go send(t, ours, want)
		if _, got, err := theirs.Read(t.Context()); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("theirs got %d of %d bytes, %v", len(got), size, err)
		}
		go func() {
			w, _ := theirs.Writer(context.Background(), coder.MessageBinary) // in three parts
			_, _ = w.Write(want[:size/3])
			_, _ = w.Write(want[size/3:])
			w.Close()
		}()
		if got, err := ours.Read(t.Context()); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("ours got %d of %d bytes, %v", len(got), size, err)
		}
	}
	go theirs.Close(4002, "no more")
	_, err := ours.Read(t.Context())
	if code, reason := closeOf(err); code != 4002 || reason != "no more" {
		t.Fatalf("got %v, want 4002 no more", err)
	}
}

func TestManyMessagesOfAllKindsArriveInOrder(t *testing.T) {
	client, server := pair(t)
	rapid.Check(t, func(rt *rapid.T) {
		messages := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 300)).Draw(rt, "messages")
		from, to := client, server
		if rapid.Bool().Draw(rt, "down") {
			from, to = server, client
		}
		go func() {
			for _, m := range messages {
				_ = from.Write(context.Background(), m)
			}
			_ = from.Flush(context.Background())
		}()
		for i, want := range messages {
			if got, err := to.Read(t.Context()); err != nil || !bytes.Equal(got, want) {
				rt.Fatalf("message %d: got %x, %v; want %x", i, got, err, want)
			}
		}
	})
}

// countingConn counts the writes that reach the network.
type countingConn struct {
	net.Conn
	writes atomic.Int64
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

func TestSmallMessagesLeaveTogether(t *testing.T) {
	a, b := sockets(t)
	counting := &countingConn{Conn: a}
	client, server := open(t, counting, websocket.Config{Client: true}), open(t, b, websocket.Config{})
	write := func(n int) {
		for range n {
			if err := client.Write(t.Context(), make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if write(60); counting.writes.Load() != 0 {
		t.Errorf("%d writes before Flush, want none", counting.writes.Load())
	}
	if err := client.Flush(t.Context()); err != nil || counting.writes.Load() != 1 {
		t.Errorf("%d writes by Flush, %v; want 1", counting.writes.Load(), err)
	}
	if write(70); counting.writes.Load() != 2 {
		t.Errorf("%d writes after 70 kB more without Flush, want 2", counting.writes.Load())
	}
	for range 60 + 65 {
		if _, err := server.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBytesThatCameWithTheHandshakeAreRead(t *testing.T) {
	a, b := sockets(t)
	client := open(t, a, websocket.Config{Client: true})
	send(t, client, []byte("first"))
	early := bufio.NewReader(b)
	if _, err := early.Peek(4); err != nil {
		t.Fatal(err)
	}
	server := open(t, b, websocket.Config{Reader: early})
	send(t, client, []byte("second"))
	for _, want := range []string{"first", "second"} {
		if got, err := server.Read(t.Context()); err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
}

func TestTheEndOfAContextEndsTheConnection(t *testing.T) {
	want := errors.New("enough")
	t.Run("reading", func(t *testing.T) {
		client, server := pair(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		go cancel(want)
		if _, err := client.Read(ctx); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		_, err := server.Read(t.Context())
		if code, _ := closeOf(err); code != 1006 {
			t.Errorf("the peer got %v, want 1006", err)
		}
	})
	t.Run("writing", func(t *testing.T) {
		near, _ := net.Pipe() // nobody reads
		client := open(t, near, websocket.Config{Client: true})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Millisecond, func() { cancel(want) })
		if err := client.Write(ctx, make([]byte, 1<<20)); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	})
	t.Run("after the call", func(t *testing.T) {
		client, server := pair(t)
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			go send(t, client, []byte("hello"))
			if got, err := server.Read(ctx); err != nil || string(got) != "hello" {
				t.Fatalf("got %q, %v", got, err)
			}
			cancel() // must have no effect any more
		}
	})
}
