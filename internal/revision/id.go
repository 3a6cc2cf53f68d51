package revision

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// ID names one revision of a document, as a tree revision ID or as a version. Its text is
// canonical: two IDs of the same form name the same revision exactly if they are ==. The empty ID
// stands for a missing revision.
type ID string

// Time is the time of a version: nanoseconds since the Unix epoch, with a logical counter in the
// low 16 bits. Valid times are [MinTime] to [MaxTime].
type Time uint64

// Source names the database that wrote a version: 16 bytes in unpadded standard base64.
type Source string

// LegacySource is the source of encoded tree revision IDs. No database has it.
const LegacySource Source = "Revision+Tree+Encoding"

// The bounds of IDs that peers may send.
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

// ParseID parses a revision ID of either form, as the protocol carries it.
//
// It is as lenient as Sync Gateway, since such documents exist, although other peers are stricter:
// tree digests are opaque text of 1 to 255 bytes, sources of 1 to 64 bytes, both of visible ASCII
// without the separators , ; @ * and the | of a stored history. It removes uppercase and leading zeros from a version's time, and
// leaves the range of the time to [CheckTimes]. It refuses the source * ("this database"), which
// means nothing to another peer. The error is [fault.BadRevisionID].
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

// parseTime parses plain hexadecimal digits, without sign, prefix or underscore.
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
		case c <= ' ' || c >= 0x7f, c == ',', c == ';', c == '@', c == '*', c == '|':
			return false
		}
	}
	return true
}

func malformed(text, why string) error {
	const longest = 80 // bytes of foreign text in an error message
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	return fault.BadRevisionID.Says("malformed revision ID %q: %s", text, why)
}

// IsVersion reports whether id has the form time@source.
func (id ID) IsVersion() bool { return strings.IndexByte(string(id), '@') >= 0 }

// IsTree reports whether id has the form generation-digest.
func (id ID) IsTree() bool { return id != "" && !id.IsVersion() }

// Generation returns a tree ID's generation, from 1. It returns 0 for a version and for the empty
// ID.
func (id ID) Generation() uint64 {
	if !id.IsTree() {
		return 0
	}
	text, _, _ := strings.Cut(string(id), "-")
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}

// Digest returns a tree ID's digest. It returns "" for a version and for the empty ID.
func (id ID) Digest() string {
	if !id.IsTree() {
		return ""
	}
	_, digest, _ := strings.Cut(string(id), "-")
	return digest
}

// Time returns a version's time. It returns 0 for a tree ID and for the empty ID.
func (id ID) Time() Time {
	text, _, ok := strings.Cut(string(id), "@")
	if !ok {
		return 0
	}
	t, _ := strconv.ParseUint(text, 16, 64)
	return Time(t)
}

// Source returns a version's source. It returns "" for a tree ID and for the empty ID.
func (id ID) Source() Source {
	_, source, _ := strings.Cut(string(id), "@")
	return Source(source)
}

// Encoded returns a tree ID as a version of [LegacySource] whose time holds the generation and the
// first 40 bits of the digest. It returns other IDs unchanged. Generations beyond 2^23−1 count as
// 2^23−1.
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

// Is reports whether id and other name the same revision. A tree ID and its encoded form name the
// same one.
func (id ID) Is(other ID) bool {
	return id == other || id != "" && other != "" && id.IsTree() != other.IsTree() && id.Encoded() == other.Encoded()
}
