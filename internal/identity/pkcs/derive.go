package pkcs

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/binary"
	"hash"
	"math/bits"
	"unicode/utf16"

	"golang.org/x/crypto/scrypt"
)

// opener decrypts the parts of one input, and bounds their derivation rounds.
type opener struct {
	left int  // rounds
	bare bool // the empty password has no terminator, as some programs write it
}

const (
	maxRounds       = 5_000_000 // in one input: about two seconds
	maxScryptMemory = 64 << 20
)

func newOpener() *opener { return &opener{left: maxRounds} }

func (o *opener) spend(rounds int) error {
	if rounds < 1 {
		return malformed("%d derivation rounds", rounds)
	}
	if rounds > o.left {
		return unsupported("too many derivation rounds: more than %d in one file", maxRounds)
	}
	o.left -= rounds
	return nil
}

// bmp returns password in the form that PKCS#12's own derivation takes: UTF-16, zero-terminated.
func (o *opener) bmp(password string) []byte {
	if password == "" && o.bare {
		return nil
	}
	return append(utf16BE(password), 0, 0)
}

func utf16BE(s string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, unit)
	}
	return b
}

// Purposes of a derivation, RFC 7292 appendix B.3.
const (
	forKey byte = 1
	forIV  byte = 2
	forMAC byte = 3
)

// derive12 implements PKCS#12's own derivation (RFC 7292 appendix B.2).
func derive12(newHash func() hash.Hash, purpose byte, password, salt []byte, rounds, size int) []byte {
	h := newHash()
	block := h.BlockSize()
	diversifier := fill([]byte{purpose}, block)
	input := append(fill(salt, block), fill(password, block)...)
	var out []byte
	for {
		h.Reset()
		h.Write(diversifier)
		h.Write(input)
		sum := h.Sum(nil)
		for range rounds - 1 {
			h.Reset()
			h.Write(sum)
			sum = h.Sum(sum[:0])
		}
		out = append(out, sum...)
		if len(out) >= size {
			return out[:size]
		}
		addend := fill(sum, block)[:block]
		for at := 0; at < len(input); at += block {
			addOne(input[at:at+block], addend)
		}
	}
}

// fill repeats b up to the next multiple of block. An empty b stays empty.
func fill(b []byte, block int) []byte {
	size := (len(b) + block - 1) / block * block
	out := make([]byte, 0, size+len(b))
	for len(out) < size {
		out = append(out, b...)
	}
	return out[:size]
}

// addOne sets a to a + b + 1, both big-endian and of one size, dropping the carry.
func addOne(a, b []byte) {
	carry := uint64(1)
	for at := len(a) - 8; at >= 0; at -= 8 {
		var sum uint64
		sum, carry = bits.Add64(binary.BigEndian.Uint64(a[at:]), binary.BigEndian.Uint64(b[at:]), carry)
		binary.BigEndian.PutUint64(a[at:], sum)
	}
}

type pbkdf2Params struct {
	Salt      []byte
	Rounds    int
	KeyLength int       `asn1:"optional"`
	PRF       algorithm `asn1:"optional"`
}

type scryptParams struct {
	Salt            []byte
	Cost, Block, By int
	KeyLength       int `asn1:"optional"`
}

// deriveKey derives a key of size bytes with the function and parameters in kdf: PBKDF2 or scrypt
// (RFC 8018, RFC 7914).
func (o *opener) deriveKey(kdf algorithm, password string, size int) ([]byte, error) {
	switch {
	case kdf.ID.Equal(oidPBKDF2):
		var p pbkdf2Params
		if err := unmarshal(kdf.Params.FullBytes, &p); err != nil {
			return nil, err
		}
		return o.derivePBKDF2(p, password, size)
	case kdf.ID.Equal(oidScrypt):
		var p scryptParams
		if err := unmarshal(kdf.Params.FullBytes, &p); err != nil {
			return nil, err
		}
		return o.deriveScrypt(p, password, size)
	}
	return nil, unsupported("unknown key derivation %v", kdf.ID)
}

func (o *opener) derivePBKDF2(p pbkdf2Params, password string, size int) ([]byte, error) {
	newHash, err := hmacHash(p.PRF.ID)
	if err != nil {
		return nil, err
	}
	if err := o.spend(p.Rounds); err != nil {
		return nil, err
	}
	key, err := pbkdf2.Key(newHash, password, p.Salt, p.Rounds, size)
	if err != nil {
		return nil, unsupported("PBKDF2: %v", err)
	}
	return key, nil
}

func (o *opener) deriveScrypt(p scryptParams, password string, size int) ([]byte, error) {
	const most = maxScryptMemory / 128
	if p.Cost < 2 || p.Block < 1 || p.By < 1 || p.Block > most || p.Cost > most/p.Block || p.By > 16 {
		return nil, unsupported("scrypt parameters out of range")
	}
	if err := o.spend(p.Cost * p.Block * p.By); err != nil {
		return nil, err
	}
	key, err := scrypt.Key([]byte(password), p.Salt, p.Cost, p.Block, p.By, size)
	if err != nil {
		return nil, unsupported("scrypt: %v", err)
	}
	return key, nil
}

// hmacHash returns the hash of a PBKDF2 function; the default is SHA-1 (RFC 8018 A.2).
func hmacHash(id asn1.ObjectIdentifier) (func() hash.Hash, error) {
	switch {
	case len(id) == 0, id.Equal(oidHMACSHA1):
		return sha1.New, nil
	case id.Equal(oidHMACSHA224):
		return sha256.New224, nil
	case id.Equal(oidHMACSHA256):
		return sha256.New, nil
	case id.Equal(oidHMACSHA384):
		return sha512.New384, nil
	case id.Equal(oidHMACSHA512):
		return sha512.New, nil
	}
	return nil, unsupported("unknown HMAC %v", id)
}

func plainHash(id asn1.ObjectIdentifier) (func() hash.Hash, error) {
	switch {
	case id.Equal(oidSHA1):
		return sha1.New, nil
	case id.Equal(oidSHA224):
		return sha256.New224, nil
	case id.Equal(oidSHA256):
		return sha256.New, nil
	case id.Equal(oidSHA384):
		return sha512.New384, nil
	case id.Equal(oidSHA512):
		return sha512.New, nil
	}
	return nil, unsupported("unknown hash %v", id)
}
