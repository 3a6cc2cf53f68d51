package overlay

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ID identifies a peer: the SHA-256 of its public key.
type ID [32]byte

// String returns the ID as 32 upper-case hexadecimal pairs with colons between them.
func (id ID) String() string {
	digits := strings.ToUpper(hex.EncodeToString(id[:]))
	pairs := make([]string, len(id))
	for i := range pairs {
		pairs[i] = digits[2*i : 2*i+2]
	}
	return strings.Join(pairs, ":")
}

// MarshalText returns the ID in the base64 alphabet of URLs, 43 characters.
func (id ID) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, id[:]), nil
}

// UnmarshalText reads what MarshalText has written.
func (id *ID) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil || len(b) != len(id) {
		return errors.New("this is not the ID of a peer")
	}
	copy(id[:], b)
	return nil
}

// Record describes a peer. The peer writes it, and the others pass it on.
type Record struct {
	ID        ID       `json:"id"`
	Version   uint64   `json:"v"` // only the peer raises it, with every change
	Name      string   `json:"name,omitempty"`
	Addresses []string `json:"at,omitempty"`    // host:port, best first
	Links     []ID     `json:"links,omitempty"` // its neighbours
}

// Bounds of a record. What exceeds them is cut off.
const (
	maxName      = 64 // bytes
	maxAddresses = 8
	maxAddress   = 80 // bytes
	maxLinks     = 64
	maxVersion   = 1 << 62
)

// tidy cuts off what exceeds the bounds, and removes addresses that cannot be dialled.
func (r *Record) tidy() {
	r.Name = CleanName(r.Name)
	r.Addresses = cleanAddresses(r.Addresses)
	r.Links = r.Links[:min(len(r.Links), maxLinks)]
}

// size is the length of the JSON, roughly, and not less.
func (r *Record) size() int {
	n := 128 + 6*len(r.Name) + 46*len(r.Links)
	for _, a := range r.Addresses {
		n += len(a) + 3
	}
	return n
}

func (r *Record) equal(other *Record) bool {
	return r.Version == other.Version && r.Name == other.Name && slices.Equal(r.Links, other.Links) &&
		slices.Equal(r.Addresses, other.Addresses)
}

// CleanName returns a name that is safe to show: one line of at most 64 bytes.
func CleanName(name string) string {
	name = strings.Map(func(c rune) rune {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, name)
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	return name
}

func cleanAddresses(all []string) []string {
	clean := make([]string, 0, min(len(all), maxAddresses))
	for _, a := range all {
		if len(clean) < maxAddresses && IsAddress(a) && !slices.Contains(clean, a) {
			clean = append(clean, a)
		}
	}
	return clean
}

// IsAddress reports whether text is host:port, where the host is an address of one machine or a name.
func IsAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || len(text) > maxAddress || strings.ContainsAny(host, "/@?# ") {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	ip := net.ParseIP(host)
	return err == nil && n > 0 && (ip == nil || !ip.IsUnspecified() && !ip.IsMulticast())
}

// Message is what neighbours say to each other.
type Message struct {
	Records []*Record `json:"records,omitempty"`
	Wanted  bool      `json:"wanted,omitempty"` // the sender wants the link by its own choice
	Full    bool      `json:"full,omitempty"`   // the sender gives up the link; the records are other candidates
	DialMe  []Call    `json:"dialMe,omitempty"`
}

// Call asks To to dial For, who cannot reach To. Peers between them pass it on.
type Call struct {
	To   ID  `json:"to"`
	For  ID  `json:"for"`
	Hops int `json:"hops"` // that it may still take
}

// MaxRecords and MaxCalls bound a [Message].
const (
	MaxRecords = 64
	MaxCalls   = 16
)
