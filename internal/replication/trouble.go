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

// trouble is what has gone wrong in a session. Its methods may be called from any goroutine.
type trouble struct {
	log  *slog.Logger
	over context.Context //nolint:containedctx // spans Run: what fails after it is no news

	mu      sync.Mutex       // guards the following
	err     error            // why the session fails, the first reason
	soft    error            // what went wrong without ending the session
	left    error            // why a document was left for the next session
	unsaved map[string]error // by checkpoint: why its last save has failed
	leaving bool             // the goodbye is said: what fails from now on is no news
}

// fails notes why the session ends, and reports whether that is news: the first reason counts. Why a
// connection ended is for the connection to say, not for those who find it closed.
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

// setback remembers what went wrong without ending the session; a one-shot session ends with it.
// People are warned once of what happens to many documents alike, as when the disk is full.
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

// saved remembers how the last save of a checkpoint went: a later success makes up for a failure.
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

// note has something written down, unless the session is over: what fails then is no news.
func (t *trouble) note(write func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.leaving || t.over.Err() != nil {
		return false
	}
	write()
	return true
}

// softLocked is what went wrong without ending the session, and still is.
func (t *trouble) softLocked() error {
	if t.soft != nil {
		return t.soft
	}
	for _, err := range t.unsaved {
		return err
	}
	return nil
}

// leave remembers that a document was left for the next session, because of err.
func (t *trouble) leave(err error) {
	t.setback(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = err
}

// leftBehind returns an error that may pass, if a document was left for the next session.
func (t *trouble) leftBehind() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left == nil {
		return nil
	}
	return fault.New(fault.WebSocket, 503, "a document has to wait").Because(t.left)
}

// lastSetback is what went wrong last without ending the session, or nil.
func (t *trouble) lastSetback() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.softLocked()
}

// ending names the reason for the end of a connection that we did not ask to end.
func (t *trouble) ending(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	return wire.FromPeer(err)
}

// leaveNow says that the goodbye is said.
func (t *trouble) leaveNow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leaving = true
}

// outcome is the error of a session whose goodbye the connection has answered with err.
func (t *trouble) outcome(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	if err != nil {
		t.log.Debug("connection did not close in order", "error", err)
	}
	return t.softLocked()
}
