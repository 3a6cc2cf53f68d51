package both

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/tandemdb/tandem/internal/revision"
)

// The first byte of a digest that a database of both generations has made, and the digest's length
// in hexadecimal digits. No other program writes digests of these lengths, but for shortDigits.
const (
	embeddedMark, embeddedDigits = "ff", 50 // a version
	hashedMark, hashedDigits     = "fe", 42 // a hash of a version whose source does not fit
	fillerMark, fillerDigits     = "fd", 8  // fills a generation, and means nothing
	mintedMark, mintedDigits     = "fc", 42 // the outcome of a conflict
	shortDigits                  = 10       // what an encoded tree ID has kept of the digest
)

// copySource is the source of versions that repeat an encoded tree ID for a Sync Gateway, which
// refuses the encoding as the version of a new document.
const copySource revision.Source = "Tandem+Tree+Revision+g"

// gatewayDigits is the length of the digest of a tree ID that a Sync Gateway has made, an MD5 sum.
const gatewayDigits = 32

// Embed names a version as a tree revision of a generation (from 1). [VersionOf] reads it back, unless
// the version's source is no source of a database, 16 bytes in unpadded base64.
func Embed(generation uint64, version revision.ID) revision.ID {
	return revision.NewTree(generation, embeddedDigest(version))
}

func embeddedDigest(version revision.ID) string {
	var digest [25]byte
	digest[0] = 0xff
	binary.BigEndian.PutUint64(digest[1:], uint64(version.Time()))
	source, err := base64.RawStdEncoding.Strict().DecodeString(string(version.Source()))
	if err != nil || copy(digest[9:], source) != 16 || len(source) != 16 {
		return hashed(hashedMark, string(version))
	}
	return hex.EncodeToString(digest[:])
}

func hashed(mark, text string) string {
	sum := sha1.Sum([]byte(text))
	return mark + hex.EncodeToString(sum[:])
}

// has reports whether the digest of a tree ID is a mark and its rest in hexadecimal digits.
func has(tree revision.ID, mark string, digits int) bool {
	digest := tree.Digest()
	return len(digest) == digits && strings.HasPrefix(digest, mark) && isHex(digest)
}

func isHex(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// IsEmbedded reports whether a tree ID contains a version.
func IsEmbedded(tree revision.ID) bool { return VersionOf(tree).IsVersion() && isEmbedded(tree) }

func isEmbedded(tree revision.ID) bool { return has(tree, embeddedMark, embeddedDigits) }

// IsFiller reports whether a tree ID only fills a generation.
func IsFiller(tree revision.ID) bool { return has(tree, fillerMark, fillerDigits) }

func isCopy(version revision.ID) bool { return version.Source() == copySource }

// encodedOf returns the encoded tree ID that a copy repeats.
func encodedOf(copied revision.ID) revision.ID {
	return revision.NewVersion(copied.Time(), revision.LegacySource)
}

func isGateways(tree revision.ID) bool {
	return len(tree.Digest()) == gatewayDigits && isHex(tree.Digest())
}

func isMinted(tree revision.ID) bool { return has(tree, mintedMark, mintedDigits) }
func isShort(tree revision.ID) bool {
	return len(tree.Digest()) == shortDigits && isHex(tree.Digest())
}

// VersionOf returns the version that a tree ID names: the embedded one, or the encoded tree ID. It
// returns "" for a filler and for the empty ID, and a version unchanged.
func VersionOf(tree revision.ID) revision.ID {
	switch {
	case !tree.IsTree():
		return tree
	case IsFiller(tree):
		return ""
	case !isEmbedded(tree):
		return tree.Encoded()
	}
	digest, err := hex.DecodeString(tree.Digest())
	if err != nil {
		return tree.Encoded()
	}
	t := revision.Time(binary.BigEndian.Uint64(digest[1:]))
	if t == 0 || t > revision.MaxTime {
		return tree.Encoded() // no version is of this time: some program's own digest
	}
	return revision.NewVersion(t, revision.Source(base64.RawStdEncoding.EncodeToString(digest[9:])))
}

// filler fills a generation below child.
func filler(generation uint64, child revision.ID) revision.ID {
	return revision.NewTree(generation, hashed(fillerMark, child.Digest())[:fillerDigits])
}

// mint names the outcome of a conflict. key tells what was decided, so that each database gives the
// same name.
func mint(generation uint64, key string) revision.ID {
	return revision.NewTree(generation, hashed(mintedMark, key))
}

// short returns the tree ID of an encoded one, as far as the encoding tells it.
func short(encoded revision.ID) revision.ID {
	const bits = 40
	t := encoded.Time()
	var digest [8]byte
	binary.BigEndian.PutUint64(digest[:], uint64(t)<<(64-bits))
	return revision.NewTree(uint64(t>>bits), hex.EncodeToString(digest[:bits/8]))
}

// generationOf returns the generation in an encoded tree ID's time.
func generationOf(encoded revision.Time) uint64 { return uint64(encoded >> 40) }
