// Package pkcs reads and writes private keys under a password: PKCS#8 (RFC 5958, RFC 8018)
// and PKCS#12 files (RFC 7292, RFC 9579), with all their keys, certificates and aliases.
//
//	file, err := pkcs.Open(data, "password of the file")
//	…
//	der, err := file.Keys[0].Open("password of the key") // PKCS#8
//
// It reads the old ciphers (3DES, RC2 with PKCS#12's own derivation) and the modern ones (PBES2
// with AES, PBKDF2 or scrypt), in DER or BER. It writes only PBES2 with AES-256-CBC and PBKDF2 over
// HMAC-SHA-256, as OpenSSL 3 does.
//
// The package is hand-written because the library go-pkcs12 reads only files with a single key,
// drops the aliases of keys, and reads no BER. No exported Go package has RC2, which older files
// need. The tests compare this package with go-pkcs12 and OpenSSL.
//
// # Guarantees
//
// Input is foreign and may be hostile. It costs at most a few times its size in memory (scrypt: 64
// MiB), and a bounded number of rounds. Errors are [fault.WrongFormat] for broken input,
// [fault.Unsupported] for unknown algorithms and excessive costs, and [fault.Crypto] for a wrong
// password; none contains a secret. Functions and values are safe for concurrent use.
package pkcs
