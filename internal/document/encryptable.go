package document

import "bytes"

// HasEncryptable reports whether body, a valid document, has a value at any depth that must be
// encrypted before it leaves the database.
func HasEncryptable(body []byte) bool {
	if !bytes.Contains(body, []byte(encryptable)) && !bytes.Contains(body, []byte(`\u`)) {
		return false // the usual case; only an escape could hide the word
	}
	s := scanner{body: body}
	return s.document() != nil || s.encryptable
}

// encryptable is the @type of such a value.
const encryptable = "encryptable"
