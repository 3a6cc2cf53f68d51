package pkcs

import "cmp"

// Rounds is the number of derivation rounds for a password that a person chose.
const Rounds = 600_000

type encryptedKey struct {
	Scheme algorithm
	Data   []byte
}

// EncryptKey encrypts a PKCS#8 key into the form of a PEM block "ENCRYPTED PRIVATE KEY", with the
// given number of derivation rounds; zero means [Rounds].
func EncryptKey(pkcs8 []byte, password string, rounds int) ([]byte, error) {
	scheme, data, err := encrypt(pkcs8, password, cmp.Or(rounds, Rounds))
	if err != nil {
		return nil, err
	}
	return encode(encryptedKey{scheme, data}), nil
}

// DecryptKey decrypts the result of [EncryptKey], and keys under any cipher that the package
// supports.
func DecryptKey(der []byte, password string) ([]byte, error) {
	return newOpener().decryptKey(der, password)
}

func (o *opener) decryptKey(der []byte, password string) ([]byte, error) {
	var k encryptedKey
	if err := unmarshal(der, &k); err != nil {
		return nil, err
	}
	return o.decrypt(k.Scheme, k.Data, password)
}
