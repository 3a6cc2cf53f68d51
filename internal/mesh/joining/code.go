package joining

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"math/big"
	"net/url"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// Code is what one person reads out to another: a secret of 125 random bits. Its methods print
// nothing of it, but for [Code.Text].
type Code struct {
	secret [16]byte // a number of 125 bits, big-endian
}

// The parts of a code: a digit for the version, 25 for the secret, two for the checksum.
const (
	digits     = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // of Crockford's base32
	version    = 1
	codeDigits = 28
	perGroup   = 4
	checkBits  = 10
	secretBits = 125
	modulus    = 1021 // prime: one wrong digit, or two neighbours swapped, never give the same remainder
)

// NewCode returns a code that nobody has had.
func NewCode() Code {
	var c Code
	_, _ = rand.Read(c.secret[:]) // never fails
	c.secret[0] &= 1<<(secretBits-120) - 1
	return c
}

// numbered returns the version and the secret as one number.
func (c Code) numbered() *big.Int {
	n := new(big.Int).Lsh(big.NewInt(version), secretBits)
	return n.Or(n, new(big.Int).SetBytes(c.secret[:]))
}

// Text returns the code for people: 28 digits in groups of four.
func (c Code) Text() string {
	n := c.numbered()
	check := new(big.Int).Mod(n, big.NewInt(modulus))
	n.Lsh(n, checkBits).Or(n, check)
	var out strings.Builder
	for i := range codeDigits {
		if i > 0 && i%perGroup == 0 {
			out.WriteByte('-')
		}
		digit := new(big.Int).Rsh(n, uint(5*(codeDigits-1-i)))
		out.WriteByte(digits[digit.Uint64()&31])
	}
	return out.String()
}

// String hides the code, so that no log and no error has it.
func (Code) String() string { return "(the code)" }

// GoString hides the code.
func (Code) GoString() string { return "(the code)" }

// LogValue hides the code.
func (Code) LogValue() slog.Value { return slog.StringValue("(the code)") }

// URI returns the code with addresses of the inviter, for a picture.
func (c Code) URI(addresses []string) string {
	uri := scheme + c.Text()
	if len(addresses) > 0 {
		uri += "?" + url.Values{"a": addresses}.Encode()
	}
	return uri
}

const (
	scheme  = "tandem-join:"
	maxText = 2000 // bytes of a code or URI
	maxHint = 16   // addresses
)

// ParseCode reads a code, or the URI of one with its addresses. Case, spaces and hyphens do not
// matter; O counts as 0, I and L as 1. No error has the text.
func ParseCode(text string) (c Code, addresses []string, err error) {
	if len(text) > maxText {
		return c, nil, malformed("it has %d bytes", len(text))
	}
	text = strings.TrimSpace(text)
	if len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		body, query, _ := strings.Cut(text[len(scheme):], "?")
		hints, err := url.ParseQuery(query)
		if err != nil {
			return c, nil, malformed("the addresses after it cannot be read")
		}
		text, addresses = body, hints["a"][:min(len(hints["a"]), maxHint)]
	}
	c, err = parseDigits(text)
	return c, addresses, err
}

func parseDigits(text string) (c Code, err error) {
	n, count := new(big.Int), 0
	for _, r := range text {
		if r == '-' || r == ' ' {
			continue
		}
		digit := digitOf(r)
		if digit < 0 {
			return c, malformed("it has a character that no code has")
		}
		if count++; count > codeDigits {
			break
		}
		n.Lsh(n, 5).Or(n, big.NewInt(int64(digit)))
	}
	if count != codeDigits {
		return c, malformed("it has %d letters and digits", count)
	}
	check := new(big.Int).And(n, big.NewInt(1<<checkBits-1))
	n.Rsh(n, checkBits)
	if new(big.Int).Mod(n, big.NewInt(modulus)).Cmp(check) != 0 {
		return c, malformed("a letter or digit is wrong, or two are swapped")
	}
	if v := new(big.Int).Rsh(n, secretBits); v.Int64() != version {
		return c, fault.Unsupported.In("read code", "").Says("the code is of version %d, this program knows %d", v.Int64(), version).
			Try("use the same version of Tandem on both devices")
	}
	n.And(n, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), secretBits), big.NewInt(1))).FillBytes(c.secret[:])
	return c, nil
}

func digitOf(r rune) int {
	if r >= 0x80 {
		return -1
	}
	switch up := strings.ToUpper(string(r)); up {
	case "O":
		return 0
	case "I", "L":
		return 1
	default:
		return strings.Index(digits, up)
	}
}

func malformed(format string, args ...any) error {
	return fault.Invalid.In("read code", "").Says("this is no code to join by: "+format, args...).
		Try("a code has 28 letters and digits in groups of four; compare it with the inviter's screen")
}

// Key is what a code proves: whoever has it has, or had, the code.
type Key [32]byte

// Key returns the key of the proofs.
func (c Code) Key() Key { return Key(c.derive("tandem join 1", len(Key{}))) }

// Tag is how a joiner finds the inviter on the local network.
func (c Code) Tag() string { return hex.EncodeToString(c.derive("find", 8)) }

func (c Code) derive(purpose string, size int) []byte {
	key, err := hkdf.Key(sha256.New, c.secret[:], nil, purpose, size)
	if err != nil {
		panic(err) // only for sizes that a hash cannot give
	}
	return key
}
