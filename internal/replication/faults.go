package replication

import (
	"errors"

	"github.com/tandemdb/tandem/internal/fault"
)

// isOurTrouble reports whether an error says nothing against what the peer has sent or asked for, but that it
// could not be done now.
func isOurTrouble(err error) bool {
	e := fault.Of(err)
	switch {
	case e == nil, fault.IsTransient(err):
		return true // without a fault: a context's end, most likely
	case e.Domain == fault.POSIX, e.Domain == fault.SQLite, e.Domain == fault.Network:
		return true
	}
	return isDiskTrouble(err) || errors.Is(err, fault.NotOpen)
}

func isNotFound(err error) bool { return errors.Is(err, fault.NotFound) }

// isDiskTrouble reports whether the database could not be read or written, as on a disk that is full
// or where no more files may be open.
func isDiskTrouble(err error) bool {
	return errors.Is(err, fault.IO) || errors.Is(err, fault.Busy) || errors.Is(err, fault.CantOpen) ||
		errors.Is(err, fault.NotWriteable) || errors.Is(err, fault.TooManyFiles)
}

// isConflict reports whether a peer has refused a revision because it has another.
func isConflict(err error) bool {
	return errors.Is(err, fault.Conflict) || errors.Is(err, fault.RemoteConflict)
}
