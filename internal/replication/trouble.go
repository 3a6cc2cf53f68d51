package replication

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// trouble collects the errors of a session. Its methods may be called from any goroutine.
type trouble struct {
	log  *slog.Logger
	over context.Context //nolint:containedctx // spans Run: later failures are ignored

	mu      sync.Mutex       // guards the following
	err     error            // the first error that ended the session
	soft    error            // the latest error that did not
	left    error            // why a document is left for the next session
	unsaved map[string]error // by checkpoint: the error of its last save
	leaving bool             // the session has said goodbye: later failures are ignored
}

// fails records why the session ends, and reports whether err is the first reason. Only the
// connection itself knows why it ended, so errors that find it closed do not count.
func (t *trouble) fails(err error) bool {
	var closed *blip.CloseError
	if errors.Is(err, fault.NotConnected) || errors.As(err, &closed) {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.err == nil
	if first {
		t.err = err
	}
	return first
}

func (t *trouble) failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err != nil
}

// setback records an error that does not end a continuous session; a one-shot session ends with it.
// It logs one warning for an error that hits many documents alike, such as a full disk.
func (t *trouble) setback(err error) {
	if err == nil {
		return
	}
	log := t.log.Warn
	noted := t.note(func() {
		if t.soft != nil && alike(t.soft, err) {
			log = t.log.Debug
		}
		t.soft = err
	})
	if noted {
		log("setback", "error", err)
	}
}

// alike reports whether two errors have the same code.
func alike(a, b error) bool {
	f := fault.Of(b)
	return f != nil && errors.Is(a, f)
}

// saved records the result of a checkpoint save. A later success clears a failure.
func (t *trouble) saved(id string, err error) {
	noted := t.note(func() {
		if err == nil {
			delete(t.unsaved, id)
			return
		}
		if t.unsaved == nil {
			t.unsaved = make(map[string]error)
		}
		t.unsaved[id] = err
	})
	if noted && err != nil {
		t.log.Warn("checkpoint is not saved", "error", err)
	}
}

// note runs write, unless the session is over.
func (t *trouble) note(write func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.leaving || t.over.Err() != nil {
		return false
	}
	write()
	return true
}

// softLocked returns the remaining error that did not end the session.
func (t *trouble) softLocked() error {
	if t.soft != nil {
		return t.soft
	}
	for _, err := range t.unsaved {
		return err
	}
	return nil
}

// leave records that err left a document for the next session.
func (t *trouble) leave(err error) {
	t.setback(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = err
}

// leftBehind returns a transient error if a document is left for the next session.
func (t *trouble) leftBehind() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left == nil {
		return nil
	}
	return fault.New(fault.WebSocket, 503, "a document has to wait").Because(t.left)
}

// lastSetback returns the latest error that did not end the session, or nil.
func (t *trouble) lastSetback() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.softLocked()
}

// ending returns the reason for the end of a connection that we did not end.
func (t *trouble) ending(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	return wire.FromPeer(err)
}

// leaveNow records that the session has said goodbye.
func (t *trouble) leaveNow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leaving = true
}

// outcome returns the error of a session whose connection ended with err after the goodbye. If the
// peer was first, and its end kept something from being done, that end is the error, in place of
// what the first call that noticed it makes of it.
func (t *trouble) outcome(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	if err != nil && errors.Is(t.softLocked(), err) {
		return wire.FromPeer(err)
	}
	if err != nil {
		t.log.Info("connection did not close in order", "error", err)
	}
	return t.softLocked()
}
