package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/tandemdb/tandem"
)

// hintOf returns advice about an error. Where the command knows better than the library, or the
// library has no hint, the advice is the command's own. An interruption has no hint.
func hintOf(err error) string {
	var hinted hintedError
	switch {
	case errors.As(err, &hinted):
		return hinted.hint
	case errors.Is(err, context.Canceled):
		return ""
	}
	return cmp.Or(hintAmong(hints, err), tandem.HintOf(err), hintAmong(lastHints, err))
}

func hintAmong(list []knownHint, err error) string {
	op := ""
	if failed := new(tandem.Error); errors.As(err, &failed) {
		op = failed.Op
	}
	for _, known := range list {
		if errors.Is(err, known.of) && (known.op == "" || known.op == op) {
			return known.hint
		}
	}
	return ""
}

type knownHint struct {
	of   error
	hint string
	op   string // the operation of the error; "" matches any
}

// engineHint is for a database at a URL.
const engineHint = "check the host and port of the URL, and that the database server runs"

// The command's hints: hints override those of the library, lastHints apply if it has none.
var (
	hints = []knownHint{
		{tandem.ErrNotFound, "see the collections with `tandem collection list`; `tandem collection create` makes one", "open collection"},
		{tandem.ErrNotFound, "see the documents in conflict with `tandem conflicts`", "get conflict"},
		{tandem.ErrNotFound, "check that the folder is there, and that you may write to it", "create database"},
		{tandem.ErrNotFound, "check the path; `tandem create` makes a database", "open database"},
		{
			tandem.ErrCertUnknownRoot,
			"trust it with --self-signed (which does not prove who the peer is), --pinned-cert FILE or --ca FILE", "",
		},
		{
			tandem.ErrUnauthorized,
			"give --user, and the password with --password-file, TANDEM_PASSWORD or at the prompt", "",
		},
		{tandem.ErrCertRequired, "give --identity LABEL, whose certificate the peer knows", ""},
		{tandem.ErrCertRejected, "give --identity another label: one with a certificate that the peer trusts", ""},
		{tandem.ErrConnectionRefused, engineHint, "open database"},
		{tandem.ErrConnectionRefused, engineHint, "copy database"},
		{tandem.ErrConnectionRefused, "start `tandem serve` there, or check host and port of the URL", ""},
	}
	lastHints = []knownHint{
		{tandem.ErrBadDocID, "use 1 to 240 bytes of UTF-8 without control characters, and no _ at the beginning", ""},
		{tandem.ErrBadJSON, "write a document as one JSON object, with keys and texts in double quotes", ""},
		{tandem.ErrBadBody, "write a document as one JSON object, in which no key occurs twice", ""},
		{tandem.ErrForbidden, "carry changes in the direction that the peer allows, with --pull or --push, or ask its operator", ""},
		{tandem.ErrAddressUnavailable, "give --interface an IP address of this device, or the name of an interface", ""},
		{tandem.ErrUnknownInterface, "give --interface an IP address of this device, or the name of an interface", ""},
		{tandem.ErrInvalidURL, "write it as wss://host:port/database", ""},
		{tandem.ErrCrypto, "check the password, and that the file is whole", ""},
		{tandem.ErrNotFound, "see what is there with `tandem ls DB`, and the collections with `tandem info DB`", ""},
		{fs.ErrNotExist, "check the name of the file", ""},
		{fs.ErrPermission, "check who may read and write the file", ""},
		{syscall.EISDIR, "name a file, not a folder", ""},
		{syscall.ENOSPC, "free some space, then try again", ""},
	}
)

// hintedError adds a hint to an error.
type hintedError struct {
	error
	hint string
}

func (e hintedError) Unwrap() error { return e.error }

func withHint(err error, hint string) error { return hintedError{err, hint} }
