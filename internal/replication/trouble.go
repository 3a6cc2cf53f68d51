package replication

import (
	"errors"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// fail ends the session because of err; the first reason counts. Why a connection ended is
// for the connection to say, not for those who find it closed.
func (s *Session) fail(err error) {
	var closed *blip.CloseError
	if errors.Is(err, fault.NotConnected) || errors.As(err, &closed) {
		return
	}
	s.mu.Lock()
	first := s.err == nil
	if first {
		s.err = err
	}
	s.mu.Unlock()
	if first {
		code := wire.CloseCode(err, s.closeCode())
		s.conn.Close(code, wire.CloseReason(code, err))
	}
}

// closeCode is the close code for an error that calls for none in particular. From the passive side
// 1000 would stop the peer for good.
func (s *Session) closeCode() int {
	if s.active == nil {
		return wire.CloseTryAgain
	}
	return wire.CloseNormal
}

func (s *Session) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err != nil
}

// setback remembers what went wrong without ending the session; a one-shot session ends with it.
// People are warned once of what happens to many documents alike, as when the disk is full.
func (s *Session) setback(err error) {
	if err == nil {
		return
	}
	log := s.log.Warn
	noted := s.note(func() {
		if s.soft != nil && alike(s.soft, err) {
			log = s.log.Debug
		}
		s.soft = err
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
func (s *Session) saved(id string, err error) {
	noted := s.note(func() {
		if err == nil {
			delete(s.unsaved, id)
			return
		}
		if s.unsaved == nil {
			s.unsaved = make(map[string]error)
		}
		s.unsaved[id] = err
	})
	if noted && err != nil {
		s.log.Warn("checkpoint is not saved", "error", err)
	}
}

// note has something written down, unless the session is over: what fails then is no news.
func (s *Session) note(write func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving || s.work.Err() != nil {
		return false
	}
	write()
	return true
}

// softLocked is what went wrong without ending the session, and still is.
func (s *Session) softLocked() error {
	if s.soft != nil {
		return s.soft
	}
	for _, err := range s.unsaved {
		return err
	}
	return nil
}

// leave remembers that a document was left for the next session, because of err.
func (s *Session) leave(err error) {
	s.setback(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = err
}

// leftBehind returns an error that may pass, if a document was left for the next session.
func (s *Session) leftBehind() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == nil {
		return nil
	}
	return fault.New(fault.WebSocket, 503, "a document has to wait").Because(s.left)
}

// Err returns the last thing that went wrong without ending the session, or nil.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.softLocked()
}

// ending names the reason for the end of a connection that we did not ask to end.
func (s *Session) ending(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	return wire.FromPeer(err)
}
