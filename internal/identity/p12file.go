package identity

import (
	"errors"
	"io/fs"
)

// PKCS12File returns the store in the PKCS#12 file at path, whose aliases are the labels. The first
// Save creates the file with mode 0600. Password opens the file and its keys. An entry whose key
// has another password stays in the file, and loading it fails. Rounds is the number of derivation
// rounds; zero means 600,000. The lock is the file path + ".lock".
func PKCS12File(path, password string, rounds int) Store {
	return &vault{place: filePlace(path), password: password, rounds: rounds}
}

type filePlace string

func (p filePlace) lock() (func(), error) {
	unlock, err := lockFile(string(p) + ".lock")
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || isReadOnly(err) {
		return func() {}, nil // a folder without room for the lock cannot be written either
	}
	return unlock, err
}

func (p filePlace) read() ([]byte, error) {
	data, err := readFile(string(p))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (p filePlace) write(data []byte) error { return replaceFile(string(p), data) }
