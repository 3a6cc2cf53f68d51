package document

import "bytes"

// HasEncryptable reports whether body, a valid document, has a value at any depth that must be
// encrypted before it leaves the database.
func HasEncryptable(body []byte) bool {
	if !mayNameType(body, encryptable) {
		return false
	}
	s := scanner{body: body}
	return s.document() != nil || s.encryptable
}

// encryptable is the @type of such a value.
const encryptable = "encryptable"

// mayNameType reports whether a value of body may be of a type. Most bodies have neither an @ nor a
// backslash, which are found at many times the speed of a word that begins with a frequent letter.
func mayNameType(body []byte, name string) bool {
	return bytes.Contains(body, []byte(`@type"`)) && bytes.Contains(body, []byte(name)) ||
		bytes.Contains(body, []byte(`\u`)) // an escape can hide both
}
