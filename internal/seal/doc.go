// Package seal encrypts data at rest: it holds the keys of an encrypted database and implements the
// ciphers of its files. It does not know what a database is.
//
//	keys := seal.NewKeys()
//	secret, err := seal.Passphrase("correct horse")
//	…
//	file, err := keys.Lock(secret) // the text of key.json
//	…
//	keys, err = seal.Unlock(file, secret)
//
// # The keys
//
// A database is encrypted under a random data key of 32 bytes, which never changes while the
// database is encrypted. The key file holds the data key wrapped (AES-256-GCM) under a key derived
// from the [Secret]: from a passphrase with argon2id, from a raw key with HKDF-SHA256. Salt and
// costs are in the file. Changing the secret therefore only rewrites the key file. The tag of the
// wrapped key detects a wrong secret. HKDF-SHA256 derives from the data key one key for each
// purpose: the database file, its log, its journal, blobs, and names of blobs.
//
// # The ciphers
//
// [Sectors] is AES-256-XTS in sectors of 512 bytes, for files with random access. It changes a unit
// of 16 bytes only when the text of that unit changes. A write that is cut off, or seen half done
// by another process, therefore damages only the data being written; a cipher with wide blocks
// would damage rows of earlier commits, too. XTS hides content and does not detect forgery.
//
// A stream ([Writer], [Reader]) is for files that are written once. It is authenticated:
//
//	"TANDEM-1"          8 bytes
//	salt                32 bytes, random
//	segments            each AES-256-GCM: 65,536 bytes of text (the last one 0 to 65,536), 16 of tag
//
// The key of a file is derived from its salt. The nonce of a segment is its number (11 bytes, big
// endian) and a byte that is 1 only for the last segment. The last segment is also bound to the
// name of the content, so that files cannot be cut, reordered or exchanged unnoticed.
//
// # Guarantees
//
// A [Secret] prints as "(secret)". Errors are *fault.Error and contain no key and no text. [Keys],
// [Sectors] and [Secret] are safe for concurrent use; a Writer or Reader is for one goroutine.
package seal
