package replication

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

func TestBehindWritesAllInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, behindBuffer - 1, behindBuffer, behindBuffer + 1, 9*behindBuffer + 17} {
		var want, got bytes.Buffer
		b := newBehind(&got)
		for want.Len() < size {
			piece := make([]byte, min(size-want.Len(), 1+random.IntN(2*behindBuffer)))
			for i := range piece {
				piece[i] = byte(random.Uint32())
			}
			want.Write(piece)
			if n, err := b.Write(piece); n != len(piece) || err != nil {
				t.Fatalf("size %d: wrote %d with error %v, want %d and none", size, n, err, len(piece))
			}
			clear(piece) // it is the caller's again
		}
		if err := b.close(); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("size %d: error %v, and %d bytes arrived; they are not the %d bytes sent", size, err, got.Len(), want.Len())
		}
	}
}

// fullDisk fails once it has taken a number of bytes.
type fullDisk struct{ left int }

var errFull = errors.New("the disk is full")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestBehindTellsOfAFailure(t *testing.T) {
	for _, room := range []int{0, 1, behindBuffer, 5 * behindBuffer} {
		b := newBehind(&fullDisk{left: room})
		var err error
		for i := 0; i < 100 && err == nil; i++ {
			_, err = b.Write(make([]byte, behindBuffer))
		}
		if closeErr := b.close(); !errors.Is(err, errFull) || !errors.Is(closeErr, errFull) {
			t.Errorf("room for %d bytes: write says %v and close %v, want both %v", room, err, closeErr, errFull)
		}
	}
}
