package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
)

// Keys are the keys of one encrypted database, all derived from its data key. The value is
// immutable; a nil pointer must not be used.
type Keys struct {
	data  [KeySize]byte
	blobs []byte
	names []byte
}

// NewKeys returns the keys of a new, random data key.
func NewKeys() *Keys {
	var data [KeySize]byte
	rand.Read(data[:]) // never fails
	return keysOf(data)
}

func keysOf(data [KeySize]byte) *Keys {
	return &Keys{
		data:  data,
		blobs: derive(data[:], nil, "tandem blobs", KeySize),
		names: derive(data[:], nil, "tandem blob names", KeySize),
	}
}

// NameSize is the size of a [Name], in bytes.
const NameSize = 20

// Name stands for the name of a content. Without the keys it reveals nothing.
type Name [NameSize]byte

// Name returns the [Name] that stands for name.
func (k *Keys) Name(name []byte) Name {
	mac := hmac.New(sha256.New, k.names)
	mac.Write(name)
	return Name(mac.Sum(nil)[:NameSize])
}

// Sectors returns the cipher of the file with the given role. Each role has keys of its own, so
// that equal content at equal places of two files is encrypted differently.
func (k *Keys) Sectors(role string) *Sectors {
	return newSectors(derive(k.data[:], nil, "tandem sectors "+role, 2*KeySize))
}

// stream returns the cipher of one sealed stream.
func (k *Keys) stream(salt []byte) cipher.AEAD {
	return newGCM(derive(k.blobs, salt, "tandem stream", KeySize))
}

func newGCM(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the keys of this package have the right size
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the right block size
	}
	return aead
}

func derive(secret, salt []byte, purpose string, size int) []byte {
	key, err := hkdf.Key(sha256.New, secret, salt, purpose, size)
	if err != nil {
		panic(err) // the sizes of this package are short enough
	}
	return key
}
