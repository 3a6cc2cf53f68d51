package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/testsize"
	"github.com/tandemdb/tandem/internal/transport/websocket"
)

const heartbeat = 300 * time.Second

// readEnd reads until the connection ends, and returns the time and the error.
func readEnd(c *websocket.Conn) (time.Duration, error) {
	start := time.Now()
	for {
		if _, err := c.Read(context.Background()); err != nil {
			return time.Since(start), err
		}
	}
}

func TestASilentPeerIsPingedAndThenDropped(t *testing.T) {
	for name, test := range map[string]struct{ every, dropped time.Duration }{
		"usual": {300 * time.Second, 320 * time.Second},
		"short": {5 * time.Second, 9 * time.Second},
		"least": {time.Second, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				a, b := net.Pipe()
				var got bytes.Buffer
				taken := make(chan struct{})
				go func() { defer close(taken); io.Copy(&got, b) }() //nolint:errcheck // until the end
				after, err := readEnd(websocket.New(a, websocket.Config{Heartbeat: test.every}))
				if !errors.Is(err, fault.Timeout) || after != test.dropped {
					t.Errorf("got %v after %v, want a timeout after %v", err, after, test.dropped)
				}
				<-taken
				if want := []byte{0x89, 0}; !bytes.Equal(got.Bytes(), want) {
					t.Errorf("the peer got % x, want one PING % x", got.Bytes(), want)
				}
			})
		})
	}
}

func TestAPeerThatAnswersIsKept(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		a, b := net.Pipe()
		client := websocket.New(a, websocket.Config{Client: true, Heartbeat: heartbeat})
		server := websocket.New(b, websocket.Config{})
		go func() { _, _ = readEnd(server) }()
		time.AfterFunc(24*time.Hour, func() { _ = server.Abort() })
		after, err := readEnd(client)
		if code, _ := closeOf(err); code != 1006 || after != 24*time.Hour {
			t.Errorf("got %v after %v, want to be dropped by the peer after a day", err, after)
		}
		_ = client.Abort()
	})
}

func TestAnythingReceivedIsASignOfLife(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		a, b := net.Pipe()
		client := websocket.New(a, websocket.Config{Client: true, Heartbeat: heartbeat})
		var pings bytes.Buffer
		go io.Copy(&pings, b) //nolint:errcheck // until the end
		go func() {           // speaks once a minute for an hour, and answers no PING
			for range 60 {
				time.Sleep(time.Minute)
				_, _ = b.Write([]byte{0x82, 1, 'x'})
			}
		}()
		if after, err := readEnd(client); after != time.Hour+320*time.Second {
			t.Errorf("got %v after %v, want a timeout 320 s after the last message", err, after)
		}
		_ = b.Close()
	})
}

// While the reader is busy elsewhere, nobody knows whether the peer is alive.
func TestSilenceCountsOnlyWhileSomeoneListens(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		a, b := net.Pipe()
		client := websocket.New(a, websocket.Config{Client: true, Heartbeat: heartbeat})
		time.Sleep(time.Hour)
		go func() { _, _ = b.Write([]byte{0x82, 1, 'x'}) }()
		if m, err := client.Read(t.Context()); err != nil || string(m) != "x" {
			t.Errorf("got %q, %v", m, err)
		}
		_ = client.Abort()
		_ = b.Close()
	})
}

// Two peers with full buffers that ping each other must not deadlock.
func TestAPingDoesNotHoldUpTheReader(t *testing.T) {
	a, b := net.Pipe() // accepts bytes only while somebody reads
	server := open(t, b, websocket.Config{})
	go func() {
		for range 100 {
			_, _ = a.Write(frame(0x89, "alive?"))
		}
		_, _ = a.Write(frame(0x82, "message"))
	}()
	if m, err := server.Read(t.Context()); err != nil || string(m) != "message" {
		t.Errorf("got %q, %v; want the message, although no PONG could leave", m, err)
	}
}
