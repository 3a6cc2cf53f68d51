package postgres

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store/row"
)

// wrapped turns an error of the driver into a fault, and leaves faults and errors of contexts as they are.
func wrapped(err error) error {
	if err == nil || fault.Of(err) != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return problem(err)
}

// problem says what an error of the driver means to people.
func problem(err error) *fault.Error {
	if f := fault.Of(err); f != nil {
		return f
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		if isUndone(err) {
			err = undone{err}
		}
		return refusal(refused).Because(err)
	}
	var unreachable *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.As(err, &unreachable) || errors.As(err, &network):
		return fault.ConnectionRefused.Says("the database server cannot be reached").Because(err).
			Try("check the host and port of the URL, and that the server runs")
	case isLoss(err):
		return fault.ConnectionLost.Says("the connection to the database server was lost").Because(err).
			Try("try again; what was acknowledged is stored")
	}
	return fault.Unexpected.Because(err)
}

func refusal(e *pgconn.PgError) *fault.Error {
	switch e.Code {
	case "28P01", "28000":
		return fault.CantOpen.Says("the database server refuses the user or password").
			Try("give the password by PGPASSWORD, a passfile or a service file, and check pg_hba.conf")
	case "3D000":
		return fault.NotFound.Says("the server has no such database").Try("create it there: createdb NAME")
	case noRight:
		return fault.NotWriteable.Says("the role lacks a right: %s", e.Message).
			Try("grant the role CREATE on the database, or make it the owner of the schema")
	case "53300":
		return fault.Busy.Says("the database server has no free connection").
			Try("raise max_connections there, or open fewer nodes or fewer connections each")
	case "25006":
		return fault.NotWriteable.Says("the database server is read-only, perhaps a standby").
			Try("name the primary, or add target_session_attrs=read-write to the URL")
	case undoneByOrder, undoneByLocks, "55P03":
		return fault.Busy.Says("another transaction was in the way").Try("try again")
	case "57P03", "57P01", "57P02", "25P03":
		return fault.Busy.Says("the database server is starting or stopping").Try("try again")
	case "53100":
		return fault.IO.Says("the disk of the database server is full").Try("free some space there")
	case "42P01", "42703", "3F000":
		return fault.CorruptData.Says("the tables are not as Tandem made them: %s", e.Message).
			Try("restore the schema from a backup")
	default:
		return fault.Unexpected.Says("the database server reports: %s (%s)", e.Message, e.Code)
	}
}

// Codes for what does not exist, or is not the role's to use.
const (
	undefinedTable    = "42P01"
	undefinedFunction = "42883"
	noRight           = "42501"
)

// Codes for what the server has undone so that other transactions can go on.
const (
	undoneByOrder = "40001"
	undoneByLocks = "40P01"
)

// undone is an error that is also row.ErrUndone.
type undone struct{ error }

func (u undone) Unwrap() []error { return []error{u.error, row.ErrUndone} }

// isUndone reports whether the server has undone what failed, and another try may succeed.
func isUndone(err error) bool {
	code := sqlState(err)
	return code == undoneByOrder || code == undoneByLocks
}

// isLoss reports whether nothing more can be done on the connection, and the outcome of a commit is unknown.
func isLoss(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code {
		case "25P03", "40003": // idle for too long; and what other engines say where they do not know either
			return true
		}
		return strings.HasPrefix(refused.Code, "57P") || strings.HasPrefix(refused.Code, "08")
	}
	return err != nil && fault.Of(err) == nil
}

// mayPass reports whether the same transaction may succeed when it is tried again.
func mayPass(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code {
		case undoneByOrder, undoneByLocks, "55P03", "25006", "53300", "57014":
			return true
		}
	}
	return isLoss(err) || errors.Is(err, errSilence)
}

// withoutSecrets keeps a password out of an error that repeats the URL.
func withoutSecrets(err error, u *url.URL) error {
	text := err.Error()
	if password, given := u.User.Password(); given && password != "" {
		text = strings.ReplaceAll(text, password, "…")
	}
	return errors.New(text)
}

// sqlState returns the code of an error of the server, "" for others.
func sqlState(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}
