package main

import (
	"errors"

	"github.com/tandemdb/tandem"
)

// hintOf returns what to try about an error, in terms of the command where it knows better than
// the library.
func hintOf(err error) string {
	var hinted hintedError
	if errors.As(err, &hinted) {
		return hinted.hint
	}
	for _, known := range hints {
		if errors.Is(err, known.of) {
			return known.hint
		}
	}
	return tandem.HintOf(err)
}

var hints = []struct {
	of   error
	hint string
}{
	{
		tandem.ErrCertUnknownRoot,
		"trust it with --self-signed (which does not prove who the peer is), --pinned-cert FILE or --ca FILE",
	},
	{
		tandem.ErrUnauthorized,
		"give --user, and the password with --password-file, TANDEM_PASSWORD or at the prompt",
	},
	{tandem.ErrConnectionRefused, "start `tandem serve` there, or check host and port of the URL"},
}

// hintedError adds a hint to an error.
type hintedError struct {
	error
	hint string
}

func (e hintedError) Unwrap() error { return e.error }

func withHint(err error, hint string) error { return hintedError{err, hint} }
