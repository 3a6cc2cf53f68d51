package identity

import (
	"errors"
	"io/fs"
)

// PKCS12File returns the store in the PKCS#12 file at path, whose aliases are the labels.
// The file is made by the first Save, mode 0600. Password opens the file and its keys; an
// entry whose key has another password is kept, and cannot be loaded. Rounds is the number
// of derivation rounds, zero means 600,000. Next to the file lies its lock, path + ".lock".
func PKCS12File(path, password string, rounds int) Store {
	return &vault{place: filePlace(path), password: password, rounds: rounds}
}

type filePlace string

func (p filePlace) lock() (func(), error) {
	unlock, err := lockFile(string(p) + ".lock")
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || isReadOnly(err) {
		return func() {}, nil // where no lock can be, no file can be written
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
