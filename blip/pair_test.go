package blip_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestPipePairKeepsFramesWhole(t *testing.T) {
	a, b := blip.NewPipePair()
	ctx := t.Context()
	for size := range 300 {
		if err := a.Write(ctx, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	for size := range 300 {
		if frame, err := b.Read(ctx); err != nil || len(frame) != size {
			t.Fatalf("frame of %d bytes came as %d (%v)", size, len(frame), err)
		}
	}
	_ = a.Abort()
}

func TestPipePairHoldsBackUntilFlush(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		a, b := blip.NewPipePair()
		got := make(chan int, 100)
		go func() {
			for {
				frame, err := b.Read(t.Context())
				if err != nil {
					return
				}
				got <- len(frame)
			}
		}()
		write := func(size int) {
			if err := a.Write(t.Context(), make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		write(10)
		if len(got) != 0 {
			t.Error("a frame came before Flush")
		}
		write(64 << 10)
		if len(got) != 2 {
			t.Errorf("%d of 2 frames came when 64 KiB were together", len(got))
		}
		_ = a.Abort()
	})
}

func TestPipePairBlocksAWriterAndHonoursItsContext(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		a, b := blip.NewPipePair()
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			frame := make([]byte, 10_000)
			for {
				if err := a.Write(ctx, frame); err != nil {
					result <- err
					return
				}
			}
		}()
		synctest.Wait()
		if len(result) != 0 {
			t.Fatalf("Write = %v, want it to block", <-result)
		}
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("Write = %v, want context.Canceled", err)
		}
		if _, err := b.Read(ctx); err != nil {
			t.Errorf("Read of what has come = %v", err)
		}
		empty, _ := blip.NewPipePair()
		if _, err := empty.Read(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Read = %v, want context.Canceled", err)
		}
	})
}

func TestPipePairCarriesTheGoodbye(t *testing.T) {
	a, b := blip.NewPipePair()
	ctx := t.Context()
	_ = a.Write(ctx, []byte("last"))
	_ = a.Flush(ctx)
	closed := make(chan error, 1)
	go func() { closed <- a.Close(4001, "later") }()
	if frame, err := b.Read(ctx); err != nil || !bytes.Equal(frame, []byte("last")) {
		t.Errorf("Read = %q, %v", frame, err)
	}
	var goodbye *blip.CloseError
	if _, err := b.Read(ctx); !errors.As(err, &goodbye) || goodbye.Code != 4001 || goodbye.Reason != "later" {
		t.Errorf("Read = %v, want 4001", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
	if _, err := a.Read(ctx); err == nil {
		t.Error("Read after Close = nil")
	}
	if err := b.Write(ctx, make([]byte, 1<<17)); err == nil {
		t.Error("Write after the other side's Close = nil")
	}
}

func TestPipePairCloseWithoutEcho(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		a, b := blip.NewPipePair()
		if err := a.Close(1000, ""); !errors.Is(err, fault.Timeout) {
			t.Errorf("Close without echo = %v, want a timeout", err)
		}
		_ = b.Abort()
	})
}

func TestPipePairAbortIsALostConnection(t *testing.T) {
	a, b := blip.NewPipePair()
	_ = a.Abort()
	_ = a.Abort()
	_, err := b.Read(t.Context())
	var closed *blip.CloseError
	if !errors.As(err, &closed) || closed.Code != 1006 || !errors.Is(err, fault.ConnectionLost) {
		t.Errorf("Read = %v, want 1006", err)
	}
	if err := b.Close(1000, ""); err == nil {
		t.Error("Close of a dropped pipe = nil")
	}
}
