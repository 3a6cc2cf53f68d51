package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/testsize"
)

// Two connections together keep to the pace, in each direction, and lose nothing.
func TestConnectionsKeepToOnePace(t *testing.T) {
	for name, receives := range map[string]bool{"sent": false, "received": true} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				const size, perSecond = 100_000, 20_000
				pace := NewPace(perSecond)
				text := bytes.Repeat([]byte("0123456789"), size/10)
				begun, done := time.Now(), make(chan []byte, 2)
				for range 2 {
					ours, theirs := net.Pipe()
					paced := pace.of(ours)
					begin(paced)
					from, to := paced, theirs
					if receives {
						from, to = theirs, paced
					}
					go func() {
						if n, err := from.Write(text); n != size || err != nil {
							t.Errorf("wrote %d bytes: %v", n, err)
						}
						_ = from.Close()
					}()
					go func() {
						got, _ := io.ReadAll(to) // a pipe ends with an error
						done <- got
						_ = to.Close()
					}()
				}
				for range 2 {
					if got := <-done; !bytes.Equal(got, text) {
						t.Errorf("%d bytes arrive, want %d", len(got), size)
					}
				}
				const want = 2 * size / perSecond * time.Second
				if took := time.Since(begun); took < want*9/10 || took > want*11/10 {
					t.Errorf("%d bytes at %d a second took %v, want %v", 2*size, perSecond, took, want)
				}
			})
		})
	}
}

// Strangers that send what they like do not keep one that is known from being heard, nor from sending.
func TestStrangersTakeNoTurns(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		pace := NewPace(20_000)
		var all sync.WaitGroup
		pair := func() (paced, far net.Conn) {
			ours, theirs := net.Pipe()
			return pace.of(ours), theirs
		}
		for range 20 {
			stranger, far := pair()
			all.Go(func() { _, _ = io.CopyN(far, endless{}, 1<<20); _ = far.Close() })
			all.Go(func() { _, _ = io.Copy(io.Discard, stranger) })
		}
		member, far := pair()
		begin(member)
		begun := time.Now()
		all.Go(func() { _, _ = far.Write([]byte("ping")); _, _ = io.ReadFull(far, make([]byte, 4)) })
		if _, err := io.ReadFull(member, make([]byte, 4)); err != nil {
			t.Error(err)
		}
		if _, err := member.Write([]byte("pong")); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("a member is heard and answered after %v", took)
		}
		all.Wait()
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// A connection that is closed stops waiting for its turn.
func TestAClosedConnectionDoesNotWait(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		paced := NewPace(1).of(ours)
		begin(paced)
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		ended := make(chan error)
		go func() {
			_, err := paced.Write(make([]byte, 1<<30))
			ended <- err
		}()
		time.Sleep(time.Second + time.Millisecond) // between two turns
		_ = paced.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the write ends with %v", err)
		}
		_ = theirs.Close()
	})
	if (*Pace)(nil).of(nil) != nil {
		t.Error("without a pace a connection is another one")
	}
}
