package pkcs

import (
	"bytes"
	stdaes "crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // old files use it; it is read, never written
	"crypto/rand"
	"crypto/sha1"
	"encoding/asn1"

	"github.com/tandemdb/tandem/internal/fault"
)

type algorithm struct {
	ID     asn1.ObjectIdentifier
	Params asn1.RawValue `asn1:"optional"`
}

type pbes2Params struct {
	KDF, Cipher algorithm
}

type pbeParams struct {
	Salt   []byte
	Rounds int
}

// decrypt undoes the password-based encryption of data by scheme.
func (o *opener) decrypt(scheme algorithm, data []byte, password string) ([]byte, error) {
	block, iv, err := o.cipherOf(scheme, password)
	if err != nil {
		return nil, err
	}
	if len(iv) != block.BlockSize() || len(data) == 0 || len(data)%block.BlockSize() != 0 {
		return nil, malformed("encrypted data of a wrong size")
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > block.BlockSize() {
		return nil, wrongPassword()
	}
	text, padding := plain[:len(plain)-pad], plain[len(plain)-pad:]
	if !bytes.Equal(padding, bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, wrongPassword()
	}
	return text, nil
}

func (o *opener) cipherOf(scheme algorithm, password string) (cipher.Block, []byte, error) {
	if scheme.ID.Equal(oidPBES2) {
		var p pbes2Params
		if err := unmarshal(scheme.Params.FullBytes, &p); err != nil {
			return nil, nil, err
		}
		return o.modernCipher(p, password)
	}
	return o.oldCipher(scheme, password)
}

func (o *opener) modernCipher(p pbes2Params, password string) (cipher.Block, []byte, error) {
	newCipher, size := stdaes.NewCipher, 0
	switch id := p.Cipher.ID; {
	case id.Equal(oidAES128CBC):
		size = 16
	case id.Equal(oidAES192CBC):
		size = 24
	case id.Equal(oidAES256CBC):
		size = 32
	case id.Equal(oidDESEDE3CBC):
		newCipher, size = des.NewTripleDESCipher, 24
	default:
		return nil, nil, unsupported("unknown cipher %v", id)
	}
	var iv []byte
	if err := unmarshal(p.Cipher.Params.FullBytes, &iv); err != nil {
		return nil, nil, err
	}
	key, err := o.deriveKey(p.KDF, password, size)
	if err != nil {
		return nil, nil, err
	}
	block, err := newCipher(key)
	return block, iv, err
}

// oldCipher returns a cipher of RFC 7292 appendix C.
func (o *opener) oldCipher(scheme algorithm, password string) (cipher.Block, []byte, error) {
	newCipher, size := newRC2, 0
	switch id := scheme.ID; {
	case id.Equal(oidPBE3DES3):
		newCipher, size = des.NewTripleDESCipher, 24
	case id.Equal(oidPBE3DES2):
		newCipher, size = twoKeyTripleDES, 16
	case id.Equal(oidPBERC2128):
		size = 16
	case id.Equal(oidPBERC240):
		size = 5
	default:
		return nil, nil, unsupported("unknown encryption %v", id)
	}
	var p pbeParams
	if err := unmarshal(scheme.Params.FullBytes, &p); err != nil {
		return nil, nil, err
	}
	if err := o.spend(p.Rounds); err != nil {
		return nil, nil, err
	}
	secret := o.bmp(password)
	block, err := newCipher(derive12(sha1.New, forKey, secret, p.Salt, p.Rounds, size))
	return block, derive12(sha1.New, forIV, secret, p.Salt, p.Rounds, 8), err
}

func twoKeyTripleDES(key []byte) (cipher.Block, error) {
	return des.NewTripleDESCipher(append(key[:16:16], key[:8]...))
}

// encrypt encrypts plain under PBES2 with AES-256-CBC and PBKDF2 over HMAC-SHA-256.
func encrypt(plain []byte, password string, rounds int) (algorithm, []byte, error) {
	salt, iv := random(16), random(stdaes.BlockSize)
	kdf := pbkdf2Params{Salt: salt, Rounds: rounds, PRF: algorithm{oidHMACSHA256, null}}
	params := pbes2Params{
		KDF:    algorithm{oidPBKDF2, raw(kdf)},
		Cipher: algorithm{oidAES256CBC, raw(iv)},
	}
	scheme := algorithm{oidPBES2, raw(params)}
	block, iv, err := newOpener().cipherOf(scheme, password)
	if err != nil {
		return algorithm{}, nil, err
	}
	pad := stdaes.BlockSize - len(plain)%stdaes.BlockSize
	padded := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(padded, padded)
	return scheme, padded, nil
}

func random(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails
	return b
}

// raw encodes one of this package's structures.
func raw(v any) asn1.RawValue { return asn1.RawValue{FullBytes: encode(v)} }

func encode(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(err) // only a programming error in one of those structures
	}
	return der
}

func unmarshal(der []byte, into any) error {
	rest, err := asn1.Unmarshal(der, into)
	if err != nil {
		return malformed("%v", err)
	}
	if len(rest) != 0 {
		return malformed("%d bytes after the end", len(rest))
	}
	return nil
}

func malformed(format string, args ...any) error {
	return fault.WrongFormat.Says("malformed key file: "+format, args...).Try("give a whole PKCS#12 file")
}

func unsupported(format string, args ...any) error {
	return fault.Unsupported.Says("key file: "+format, args...)
}

func wrongPassword() error {
	return fault.Crypto.Says("wrong password, or the key file is damaged")
}
