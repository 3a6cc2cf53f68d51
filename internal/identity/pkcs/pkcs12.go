package pkcs

import "encoding/asn1"

// File is the content of a PKCS#12 file: its keys and certificates in their order. It may be
// changed and encoded again; keys stay under their passwords.
type File struct {
	Keys  []Key
	Certs []Cert
}

// Key is one private key of a [File].
type Key struct {
	Alias string // the friendly name, or ""
	ID    []byte // equals the ID of the key's certificate, or nil

	der    []byte // PKCS#8
	sealed bool   // encrypted under a password
	bare   bool   // see opener
}

// Open returns the key as PKCS#8. It ignores the password if the key is not encrypted.
func (k Key) Open(password string) ([]byte, error) {
	if !k.sealed {
		return k.der, nil
	}
	o := newOpener()
	o.bare = k.bare
	return o.decryptKey(k.der, password)
}

// Cert is one certificate of a [File].
type Cert struct {
	Alias string // the friendly name, or ""
	ID    []byte // equals the ID of the certificate's key, or nil
	DER   []byte
}

// NewKey returns a key for a [File], encrypted under password with the given number of derivation
// rounds; zero means [Rounds]. Alias may be empty, and id may be nil.
func NewKey(alias string, id, pkcs8 []byte, password string, rounds int) (Key, error) {
	der, err := EncryptKey(pkcs8, password, rounds)
	return Key{Alias: alias, ID: id, der: der, sealed: true}, err
}

// The structures of RFC 7292 §4.

type pfx struct {
	Version  int
	AuthSafe contentInfo
	MAC      macData `asn1:"optional"`
}

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"tag:0,explicit,optional"`
}

type encryptedData struct {
	Version int
	Info    encryptedContentInfo
}

type encryptedContentInfo struct {
	Type   asn1.ObjectIdentifier
	Scheme algorithm
	Data   asn1.RawValue `asn1:"tag:0,optional"`
}

type macData struct {
	Digest digestInfo
	Salt   []byte
	Rounds int `asn1:"optional,default:1"`
}

type digestInfo struct {
	Algorithm algorithm
	Digest    []byte
}

type safeBag struct {
	ID         asn1.ObjectIdentifier
	Value      asn1.RawValue `asn1:"tag:0,explicit"`
	Attributes []attribute   `asn1:"set,optional"`
}

type attribute struct {
	ID     asn1.ObjectIdentifier
	Values asn1.RawValue `asn1:"set"`
}

type certBag struct {
	ID   asn1.ObjectIdentifier
	Data []byte `asn1:"tag:0,explicit"`
}
