package pkcs

import (
	"crypto/hmac"
	"crypto/sha256"
)

// verify reports whether the file's checksum over message was made with password.
func (o *opener) verify(mac macData, message []byte, password string) (bool, error) {
	want, err := o.mac(mac, message, password)
	if err != nil {
		return false, err
	}
	if hmac.Equal(want, mac.Digest.Digest) || password != "" {
		return hmac.Equal(want, mac.Digest.Digest), nil
	}
	o.bare = true // some programs write no terminator for the empty password
	want, err = o.mac(mac, message, password)
	return err == nil && hmac.Equal(want, mac.Digest.Digest), err
}

func (o *opener) mac(mac macData, message []byte, password string) ([]byte, error) {
	if mac.Digest.Algorithm.ID.Equal(oidPBMAC1) {
		return o.modernMAC(mac, message, password)
	}
	newHash, err := plainHash(mac.Digest.Algorithm.ID)
	if err != nil {
		return nil, err
	}
	if err := o.spend(mac.Rounds); err != nil {
		return nil, err
	}
	key := derive12(newHash, forMAC, o.bmp(password), mac.Salt, mac.Rounds, newHash().Size())
	h := hmac.New(newHash, key)
	h.Write(message)
	return h.Sum(nil), nil
}

type pbmac1Params struct{ KDF, MAC algorithm }

// modernMAC computes PBMAC1 (RFC 9579), which requires a key length.
func (o *opener) modernMAC(mac macData, message []byte, password string) ([]byte, error) {
	var p pbmac1Params
	if err := unmarshal(mac.Digest.Algorithm.Params.FullBytes, &p); err != nil {
		return nil, err
	}
	if !p.KDF.ID.Equal(oidPBKDF2) {
		return nil, unsupported("unknown key derivation %v", p.KDF.ID)
	}
	var kdf pbkdf2Params
	if err := unmarshal(p.KDF.Params.FullBytes, &kdf); err != nil {
		return nil, err
	}
	if kdf.KeyLength < 20 || kdf.KeyLength > 64 {
		return nil, malformed("a PBMAC1 key of %d bytes", kdf.KeyLength)
	}
	newHash, err := hmacHash(p.MAC.ID)
	if err != nil {
		return nil, err
	}
	key, err := o.derivePBKDF2(kdf, password, kdf.KeyLength)
	if err != nil {
		return nil, err
	}
	h := hmac.New(newHash, key)
	h.Write(message)
	return h.Sum(nil), nil
}

// newMAC returns the checksum in the form of OpenSSL 3: HMAC-SHA-256 with PKCS#12's derivation.
func newMAC(message []byte, password string, rounds int) macData {
	salt := random(16)
	key := derive12(sha256.New, forMAC, newOpener().bmp(password), salt, rounds, sha256.Size)
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return macData{Digest: digestInfo{algorithm{oidSHA256, null}, h.Sum(nil)}, Salt: salt, Rounds: rounds}
}
