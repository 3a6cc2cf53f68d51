package document

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/fault"
)

// The largest lengths of names, in bytes.
const (
	MaxID         = 240 // of a document's ID
	maxIncomingID = 255 // of an ID that a peer may mention
	maxName       = 251 // of a scope or collection
)

// DefaultName is the name of the default collection and of its scope.
const DefaultName = "_default"

// CheckID reports why id is not a document ID. An ID is 1 to [MaxID] bytes of UTF-8, without
// control characters, and does not begin with an underscore. The error is [fault.BadDocID].
func CheckID(id string) error {
	switch {
	case id == "":
		return fault.BadDocID.Says("the document ID is empty")
	case len(id) > MaxID:
		return badID(id, "it has more than 240 bytes")
	case id[0] == '_':
		return badID(id, "it begins with an underscore")
	case !utf8.ValidString(id):
		return badID(id, "it is not valid UTF-8")
	case strings.ContainsFunc(id, isControl):
		return badID(id, "it has a control character")
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func badID(id, why string) error {
	return fault.BadDocID.Says("invalid document ID %.60q: %s", id, why)
}

// CheckIncomingID reports why a peer may not mention id: it must have 1 to 255 bytes. An accepted
// ID may still fail [CheckID], which then concerns only that document. The error is
// [fault.BadDocID].
func CheckIncomingID(id string) error {
	if id == "" || len(id) > maxIncomingID {
		return fault.BadDocID.Says("the document ID has %d bytes, want 1 to 255", len(id))
	}
	return nil
}

// ordered is base64 whose digits have the order of ASCII, so that its texts sort as the bytes do.
var ordered = base64.NewEncoding("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz").WithPadding(base64.NoPadding)

// NewID returns a new document ID: ~ and 16 bytes in base64. The first 7 bytes are the time in units
// of 256 ns, the other 9 are random. IDs sort by time, so that new documents share the last pages of
// an index, where random IDs would touch all of its pages.
func NewID() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(time.Now().UnixNano()))
	_, _ = rand.Read(b[7:]) // never fails: see crypto/rand
	return "~" + ordered.EncodeToString(b[:])
}

// CheckCollectionName reports why name cannot name a collection in scope. Each name has 1 to 251 of
// the characters A-Z a-z 0-9 _ % -, and does not begin with _ or %. The exception is "_default", a
// scope and a collection of that scope. The error is [fault.Invalid].
func CheckCollectionName(scope, name string) error {
	if err := checkName("scope", scope); err != nil {
		return err
	}
	if name == DefaultName && scope != DefaultName {
		return badName("the default collection is in the default scope, not in %s", scope)
	}
	return checkName("collection", name)
}

func checkName(what, name string) error {
	switch {
	case name == DefaultName:
		return nil
	case name == "":
		return badName("the %s name is empty; the default one is %s", what, DefaultName)
	case len(name) > maxName:
		return badName("the %s name has more than 251 characters", what)
	case name[0] == '_' || name[0] == '%':
		return badName("the %s name %q begins with %c", what, name, name[0])
	case strings.ContainsFunc(name, func(r rune) bool { return !isNameChar(r) }):
		return badName("the %s name %.60q has another character than A-Z a-z 0-9 _ %% -", what, name)
	}
	return nil
}

func badName(format string, args ...any) *fault.Error {
	return fault.Invalid.Says(format, args...).
		Try("name a collection scope.collection, with letters, digits, _, % and - in both")
}

func isNameChar(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '%', r == '-':
		return true
	}
	return false
}

// ParseCollectionName parses "scope.collection", or "collection" in the default scope. Errors are
// those of [CheckCollectionName].
func ParseCollectionName(text string) (scope, name string, err error) {
	scope, name, ok := strings.Cut(text, ".")
	if !ok {
		scope, name = DefaultName, text
	}
	if err := CheckCollectionName(scope, name); err != nil {
		return "", "", err
	}
	return scope, name, nil
}
