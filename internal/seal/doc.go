// Package seal keeps data at rest secret: it holds the keys of an encrypted database and the
// ciphers that its files are written with. It knows nothing of databases.
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
// database is encrypted. The key file keeps it wrapped (AES-256-GCM) under a key derived from
// the [Secret]: from a passphrase with argon2id, from a raw key with HKDF-SHA256; salt and costs
// are in the file. So changing the secret means writing the key file anew, and nothing else.
// The tag of the wrapped key tells a wrong secret. From the data key HKDF-SHA256 gives one key for
// each purpose: the database file, its log, its journal, blobs, and names of blobs.
//
// # The ciphers
//
// [Sectors] is AES-256-XTS in sectors of 512 bytes, for files that are read and written anywhere.
// It changes a unit of 16 bytes only when its own text changes, so that a write which is cut off, or
// seen half done by another process, damages nothing but what was being written: a cipher of
// wide blocks would take the rows of earlier commits with it. It hides content, and does not
// notice forgery.
//
// A stream ([Writer], [Reader]) is for files that are written once. It is authenticated:
//
//	"TANDEM-1"          8 bytes
//	salt                32 bytes, random
//	segments            each AES-256-GCM: 65,536 bytes of text (the last one 0 to 65,536), 16 of tag
//
// The key of a file is derived from its salt; the nonce of a segment is its number (11 bytes, big
// endian) and a byte that is 1 for the last segment only. The last segment is bound to the
// name of the content as well, so that files can be neither cut, reordered nor exchanged.
//
// # Guarantees
//
// A [Secret] prints as "(secret)". Errors are *fault.Error and hold no key and no text. Values of
// [Keys], [Sectors] and [Secret] may be used by any number of goroutines, a Writer or Reader by one.
package seal
