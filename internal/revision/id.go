package revision

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// ID names one revision of a document, as a tree revision ID or as a version. Its text is
// canonical, so two IDs of the same form are the same revision exactly if they are ==.
// The empty ID means none.
type ID string

// Time is when a version was written: nanoseconds since the Unix epoch, of which the low
// 16 bits are a logical counter. Valid times are [MinTime] to [MaxTime].
type Time uint64

// Source names the database that wrote a version: 16 bytes in unpadded standard base64.
type Source string

// LegacySource is no database: a version of it is a tree revision ID, encoded.
const LegacySource Source = "Revision+Tree+Encoding"

// The bounds of what is accepted from peers.
const (
	MaxGeneration = 1<<32 - 1
	maxDigest     = 255 // bytes of a tree ID's digest
	maxSource     = 64  // bytes of a source
)

// SourceFrom returns the source of the database with the public UUID uuid.
func SourceFrom(uuid [16]byte) Source {
	return Source(base64.RawStdEncoding.EncodeToString(uuid[:]))
}

// NewVersion returns the version that source wrote at t.
func NewVersion(t Time, source Source) ID {
	return ID(strconv.FormatUint(uint64(t), 16) + "@" + string(source))
}

// NewTree returns the tree revision ID of a generation (from 1) and a digest (lowercase hex).
func NewTree(generation uint64, digest string) ID {
	return ID(strconv.FormatUint(generation, 10) + "-" + digest)
}

// ParseID reads a revision ID of either form, as the protocol carries it.
//
// It accepts what Sync Gateway stores although other peers refuse it, since such documents
// exist: tree digests are opaque text of 1 to 255 bytes, sources of 1 to 64 bytes, both of
// visible ASCII without the separators , ; @ *. A version's time loses uppercase and leading
// zeros; its range is for [CheckTimes]. The source * ("this database") has no meaning
// between peers and is refused. The error is [fault.BadRevisionID].
func ParseID(text string) (ID, error) {
	if time, source, ok := strings.Cut(text, "@"); ok {
		return parseVersion(text, time, source)
	}
	return parseTree(text)
}

func parseTree(text string) (ID, error) {
	generation, digest, ok := strings.Cut(text, "-")
	if !ok {
		return "", malformed(text, "want generation-digest or time@source")
	}
	if generation == "" || generation[0] < '1' || generation[0] > '9' {
		return "", malformed(text, "the generation is not a number from 1 without leading zeros")
	}
	if n, err := strconv.ParseUint(generation, 10, 64); err != nil || n > MaxGeneration {
		return "", malformed(text, "the generation is not a number from 1 to 4294967295")
	}
	if !isOpaque(digest, maxDigest) {
		return "", malformed(text, "the digest is not 1 to 255 visible characters without separators")
	}
	return ID(text), nil
}

func parseVersion(text, time, source string) (ID, error) {
	t, ok := parseTime(time)
	if !ok {
		return "", malformed(text, "the time is not a hexadecimal number of 64 bits")
	}
	if source == "*" {
		return "", malformed(text, "the source * has no meaning outside of its database")
	}
	if !isOpaque(source, maxSource) {
		return "", malformed(text, "the source is not 1 to 64 visible characters without separators")
	}
	if isPlainTime(time) {
		return ID(text), nil
	}
	return NewVersion(t, Source(source)), nil
}

// parseTime reads hexadecimal digits and nothing else: no sign, prefix or underscore.
func parseTime(text string) (Time, bool) {
	text = strings.TrimLeft(text, "0")
	if text == "" || text[0] == '+' || text[0] == '-' {
		return 0, false
	}
	t, err := strconv.ParseUint(text, 16, 64)
	return Time(t), err == nil
}

func isPlainTime(text string) bool {
	return text[0] != '0' && !strings.ContainsAny(text, "ABCDEF")
}

func isOpaque(text string, limit int) bool {
	if text == "" || len(text) > limit {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c <= ' ' || c >= 0x7f, c == ',', c == ';', c == '@', c == '*':
			return false
		}
	}
	return true
}

func malformed(text, why string) error {
	const longest = 80 // of a foreign text in a message for people
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	return fault.BadRevisionID.Says("malformed revision ID %q: %s", text, why)
}

// IsVersion reports whether id is of the form time@source.
func (id ID) IsVersion() bool { return strings.IndexByte(string(id), '@') >= 0 }

// IsTree reports whether id is of the form generation-digest.
func (id ID) IsTree() bool { return id != "" && !id.IsVersion() }

// Generation returns a tree ID's generation, from 1; 0 for a version and for no ID.
func (id ID) Generation() uint64 {
	if !id.IsTree() {
		return 0
	}
	text, _, _ := strings.Cut(string(id), "-")
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}

// Digest returns a tree ID's digest; "" for a version and for no ID.
func (id ID) Digest() string {
	if !id.IsTree() {
		return ""
	}
	_, digest, _ := strings.Cut(string(id), "-")
	return digest
}

// Time returns a version's time; 0 for a tree ID and for no ID.
func (id ID) Time() Time {
	text, _, ok := strings.Cut(string(id), "@")
	if !ok {
		return 0
	}
	t, _ := strconv.ParseUint(text, 16, 64)
	return Time(t)
}

// Source returns a version's source; "" for a tree ID and for no ID.
func (id ID) Source() Source {
	_, source, _ := strings.Cut(string(id), "@")
	return Source(source)
}

// Encoded returns a tree ID as the version of [LegacySource] that stands for it:
// the generation and the first 40 bits of the digest as time.
// Other IDs are returned as they are. A generation beyond 2^23−1 counts as that.
func (id ID) Encoded() ID {
	if !id.IsTree() {
		return id
	}
	return NewVersion(id.encodedTime(), LegacySource)
}

func (id ID) encodedTime() Time {
	const digits, bits = 10, 40
	digest := id.Digest()
	var head Time
	for i := range digits {
		head <<= 4
		if i < len(digest) {
			head |= nibble(digest[i])
		}
	}
	return Time(min(id.Generation(), 1<<23-1))<<bits | head
}

func nibble(c byte) Time {
	switch {
	case c >= '0' && c <= '9':
		return Time(c - '0')
	case c >= 'a' && c <= 'f':
		return Time(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return Time(c-'A') + 10
	}
	return 0
}

// Is reports whether id and other name the same revision, in the same form or not: a tree ID is
// the same as its encoded form.
func (id ID) Is(other ID) bool {
	return id == other || id != "" && other != "" && id.IsTree() != other.IsTree() && id.Encoded() == other.Encoded()
}
