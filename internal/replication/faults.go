package replication

import (
	"errors"

	"github.com/tandemdb/tandem/internal/fault"
)

// isOurTrouble reports whether the failure is on our side and may pass: the peer's message or
// request was not at fault.
func isOurTrouble(err error) bool {
	e := fault.Of(err)
	switch {
	case e == nil, fault.IsTransient(err):
		return true // an error without a fault is most likely the end of a context
	case e.Domain == fault.POSIX, e.Domain == fault.SQLite, e.Domain == fault.Network:
		return true
	}
	return isDiskTrouble(err) || errors.Is(err, fault.NotOpen)
}

func isNotFound(err error) bool { return errors.Is(err, fault.NotFound) }

// isDiskTrouble reports whether the database could not be read or written, for instance because the
// disk is full or the process has too many open files.
func isDiskTrouble(err error) bool {
	return errors.Is(err, fault.IO) || errors.Is(err, fault.Busy) || errors.Is(err, fault.CantOpen) ||
		errors.Is(err, fault.NotWriteable) || errors.Is(err, fault.TooManyFiles)
}

// isConflict reports whether the peer refused a revision because it has a conflicting one.
func isConflict(err error) bool {
	return errors.Is(err, fault.Conflict) || errors.Is(err, fault.RemoteConflict)
}
