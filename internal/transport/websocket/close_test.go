package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/testsize"
	"github.com/tandemdb/tandem/internal/transport/websocket"
)

func TestThePeerLearnsCodeAndReason(t *testing.T) {
	tests := map[string]struct {
		code   int
		reason string
		want   string
	}{
		"normal":      {1000, "", ""},
		"going away":  {1001, "the listener stops", "the listener stops"},
		"private":     {4002, "später nicht", "später nicht"},
		"no code":     {1005, "", ""},
		"long reason": {1011, strings.Repeat("ä", 100), strings.Repeat("ä", 61)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, server := pair(t)
			done := make(chan error)
			go func() { done <- server.Close(test.code, test.reason) }()
			_, err := client.Read(t.Context())
			if code, reason := closeOf(err); code != test.code || reason != test.want {
				t.Errorf("got %v, want %d %s", err, test.code, test.want)
			}
			if err := <-done; err != nil {
				t.Errorf("close: %v, want nil for an answered one", err)
			}
			if err := client.Write(t.Context(), nil); err == nil {
				t.Error("a write after the end went well")
			}
		})
	}
}

func TestAPeerCannotSayThatItHasVanished(t *testing.T) {
	client, server := pair(t)
	go server.Close(1006, "not really")
	_, err := client.Read(t.Context())
	if code, _ := closeOf(err); code != 1005 {
		t.Errorf("got %v, want 1005", err)
	}
}

func TestCloseSendsWhatIsWaiting(t *testing.T) {
	client, server := pair(t)
	if err := client.Write(t.Context(), []byte("last words")); err != nil {
		t.Fatal(err)
	}
	go client.Close(1000, "")
	if got, err := server.Read(t.Context()); err != nil || string(got) != "last words" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := server.Read(t.Context()); err == nil {
		t.Error("no end after the last message")
	}
}

func TestBothMayCloseAtOnce(t *testing.T) {
	client, server := pair(t)
	done := make(chan error)
	go func() { done <- client.Close(1000, "") }()
	if err := errors.Join(server.Close(1000, ""), <-done); err != nil {
		t.Error(err)
	}
}

func TestClosingTwiceIsHarmless(t *testing.T) {
	client, server := pair(t)
	go server.Read(context.Background()) //nolint:errcheck // answers the CLOSE
	for i := range 2 {
		if err := client.Close(1000, ""); err != nil {
			t.Errorf("close %d: %v", i+1, err)
		}
	}
	if err := client.Abort(); err != nil {
		t.Errorf("abort: %v", err)
	}
}

// The reader may still use its message while another goroutine closes the connection and reads on.
func TestCloseLeavesTheLastMessageAlone(t *testing.T) {
	client, server := pair(t)
	want := bytes.Repeat([]byte("a"), 1000)
	send(t, client, want)
	got, err := server.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for client.Write(context.Background(), bytes.Repeat([]byte("b"), 1000)) == nil {
		}
	}()
	go io.Discard.Write(got)             //nolint:errcheck // the race detector watches the read
	go client.Read(context.Background()) //nolint:errcheck // answers the CLOSE
	_ = server.Close(1000, "")
	if !bytes.Equal(got, want) {
		t.Error("the message changed while it was looked at")
	}
}

func TestAVanishedPeerIs1006(t *testing.T) {
	for name, vanish := range map[string]func(*net.TCPConn){
		"end of file": func(c *net.TCPConn) { _ = c.Close() },
		"reset":       func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := sockets(t)
			server := open(t, b, websocket.Config{})
			vanish(a.(*net.TCPConn))
			_, err := server.Read(t.Context())
			if code, _ := closeOf(err); code != 1006 || !errors.Is(err, fault.ConnectionLost) {
				t.Errorf("got %v, want 1006", err)
			}
			if err := server.Close(1000, ""); err == nil {
				t.Error("closing a lost connection went well")
			}
		})
	}
}

func TestCloseWaitsFiveSecondsForAnAnswer(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		a, b := net.Pipe()
		c := websocket.New(a, websocket.Config{})
		go io.Copy(io.Discard, b) //nolint:errcheck // a silent peer
		start := time.Now()
		err := c.Close(1000, "")
		if waited := time.Since(start); err == nil || waited != 5*time.Second {
			t.Errorf("got %v after %v, want an error after 5 s", err, waited)
		}
		_ = b.Close()
	})
}

func TestCloseFreesABlockedWriter(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		a, b := net.Pipe() // nobody reads
		c := websocket.New(a, websocket.Config{})
		blocked := make(chan error)
		go func() { blocked <- c.Write(context.Background(), make([]byte, 1<<20)) }()
		synctest.Wait()
		go c.Abort()
		if err := <-blocked; err == nil {
			t.Error("the write went well")
		}
		_ = b.Close()
	})
}

// Otherwise a failed write could drop the connection before the peer has answered.
func TestAWriterWaitsForTheEndOfAClose(t *testing.T) {
	client, server := pair(t)
	closed := make(chan error)
	go func() { closed <- server.Close(1001, "") }()
	written := make(chan error)
	go func() {
		for {
			if err := server.Write(context.Background(), []byte("x")); err != nil {
				written <- err
				return
			}
		}
	}()
	select {
	case err := <-written:
		t.Errorf("the writer gave up before the end: %v", err)
	case <-time.After(10 * time.Millisecond):
	}
	go func() { _, _ = readEnd(client) }() // answers the CLOSE
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if code, _ := closeOf(<-written); code != 1001 {
		t.Error("the writer did not learn how the connection ended")
	}
}
