package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"syscall"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/fault"
)

// refusal is an answer that is no success.
type refusal struct {
	status int
	reason string
	hint   string
	header http.Header
	cause  error // for the log
}

// refuse makes an answer of a status from 400, with a reason for people.
func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, reason: fmt.Sprintf(format, args...)}
}

func (no *refusal) Error() string { return no.reason }

func (no *refusal) Unwrap() error { return no.cause }

// try returns a copy with a hint.
func (no *refusal) try(hint string) *refusal {
	with := *no
	with.hint = hint
	return &with
}

// names are the texts of "error" by status.
func nameOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "bad_request"
	case http.StatusUnauthorized:
		return "unauthorized"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusMethodNotAllowed:
		return "method_not_allowed"
	case http.StatusRequestTimeout:
		return "timeout"
	case http.StatusNotAcceptable:
		return "not_acceptable"
	case http.StatusConflict:
		return "conflict"
	case http.StatusPreconditionFailed:
		return "file_exists"
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	case http.StatusUnsupportedMediaType:
		return "unsupported_media_type"
	case http.StatusRequestedRangeNotSatisfiable:
		return "range_not_satisfiable"
	case http.StatusMisdirectedRequest:
		return "misdirected"
	case http.StatusUpgradeRequired:
		return "upgrade_required"
	case http.StatusTooManyRequests:
		return "too_many_requests"
	case http.StatusNotImplemented:
		return "not_implemented"
	case http.StatusServiceUnavailable:
		return "busy"
	case http.StatusInsufficientStorage:
		return "storage_full"
	}
	return "internal"
}

// statuses are those of tandem's errors; the first that fits counts.
func statusOf(err error) int {
	for _, row := range []struct {
		status int
		errs   []error
	}{
		{http.StatusNotFound, []error{tandem.ErrNotFound}},
		{http.StatusConflict, []error{tandem.ErrConflict}},
		{http.StatusInsufficientStorage, []error{syscall.ENOSPC}},
		{http.StatusServiceUnavailable, []error{tandem.ErrBusy, tandem.ErrNotOpen, tandem.ErrTooManyFiles, context.DeadlineExceeded, context.Canceled}},
		{http.StatusForbidden, []error{tandem.ErrForbidden, tandem.ErrNotWriteable}},
		{http.StatusNotImplemented, []error{tandem.ErrUnsupported}},
		{http.StatusBadRequest, []error{
			tandem.ErrBadDocID, tandem.ErrBadJSON, tandem.ErrBadBody, tandem.ErrInvalid, tandem.ErrInvalidURL,
			tandem.ErrInvalidQuery, tandem.ErrInvalidParameter, tandem.ErrCrypto, fault.BadRevisionID,
		}},
	} {
		for _, known := range row.errs {
			if errors.Is(err, known) {
				return row.status
			}
		}
	}
	return http.StatusInternalServerError
}

// failure is the JSON of an error. Of a document in a bulk answer, ID is the document's.
type failure struct {
	Error  string `json:"error"`
	Reason string `json:"reason"`
	Domain int    `json:"x-litecore-domain"`
	Code   int    `json:"x-litecore-code"`
	Hint   string `json:"hint,omitempty"`
	ID     string `json:"id,omitempty"`
}

// refusalOf turns any error into an answer. What a 5xx is about is for the log alone: it may name files.
func refusalOf(err error) *refusal {
	if no := new(refusal); errors.As(err, &no) {
		return no
	}
	status := statusOf(err)
	if size := new(http.MaxBytesError); errors.As(err, &size) {
		return refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", size.Limit)
	}
	no := refuse(status, "%s", err.Error())
	no.cause, no.hint = err, tandem.HintOf(err)
	switch status {
	case http.StatusInternalServerError:
		no.reason, no.hint = "the server failed; its log has the reason under this ID", ""
	case http.StatusServiceUnavailable:
		no.reason, no.hint = "the database is busy or closing", "try again later"
	case http.StatusInsufficientStorage:
		no.reason, no.hint = "the server's disk is full", ""
	}
	return no
}

// failure returns the JSON of the refusal.
func (no *refusal) failure() failure {
	f := failure{Error: nameOf(no.status), Reason: no.reason, Hint: no.hint, Domain: domainHTTP, Code: no.status}
	if e := fault.Of(no.cause); e != nil {
		f.Domain, f.Code = domainNumber(e.Domain), e.Code
	}
	return f
}

// domainHTTP is the number of the domain of HTTP statuses.
const domainHTTP = 6

// domainNumber returns the number that Couchbase Lite's C API gives a domain.
func domainNumber(d tandem.Domain) int {
	for i, known := range []tandem.Domain{
		tandem.DomainDatabase, tandem.DomainPOSIX, tandem.DomainSQLite, tandem.DomainJSON,
		tandem.DomainNetwork, tandem.DomainWebSocket, tandem.DomainTLS,
	} {
		if d == known {
			return i + 1
		}
	}
	return domainHTTP
}

// fail answers an error. One that comes when part of an answer is on its way ends the connection, so
// that the client does not take that part for the whole.
func (c *call) fail(err error) {
	no := refusalOf(err)
	if c.w.status != 0 {
		c.log(slog.LevelWarn, "the answer broke off", "error", err)
		panic(http.ErrAbortHandler)
	}
	if no.status == http.StatusInternalServerError {
		c.log(slog.LevelError, "request failed", "error", err)
	}
	c.answerFailure(no)
}

func (c *call) answerFailure(no *refusal) {
	if c.w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(c.w.Header(), no.header)
	mode := c.r.Header.Get("Sec-Fetch-Mode")
	if mode != "" && mode != "navigate" || c.h.cfg.Static != nil && ofBrowser(c.r) {
		// A browser would ask the user, and the script would wait; those of an app would share the login.
		c.w.Header().Del("Www-Authenticate")
	}
	f := no.failure()
	f.ID = c.id
	_ = c.answer(no.status, f) // the client is gone, if it fails
}
