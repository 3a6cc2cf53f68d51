package identity

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tandemdb/tandem/internal/fault"
)

// FolderOptions tell how a [Folder] protects its private keys. With the zero value only the
// permissions of the files protect them.
type FolderOptions struct {
	// Passphrase encrypts the keys. Empty means no passphrase.
	Passphrase string
	// Keyring encrypts the keys under a random secret, kept in the key store of the operating
	// system. It cannot be combined with a passphrase.
	Keyring bool
	// Rounds is the number of derivation rounds for Passphrase. Zero means 600,000.
	Rounds int
}

// Folder returns the store in the folder dir. The first Save creates the folder.
//
// # Format
//
// The folder has the mode 0700, its files have 0600:
//
//   - labels.json maps each label to its file and fingerprint:
//     {"format":"tandem-identities","version":1,"identities":{LABEL:{"file":F,"fingerprint":P}}}.
//     For an anonymous identity it has the path of its database, too: see [NoteDatabase].
//   - F is 32 random hexadecimal digits and ".pem": the certificates, leaf first, and the key
//     as PKCS#8. The key is in a block "ENCRYPTED PRIVATE KEY" under a passphrase or a
//     secret of the key store (PBES2, AES-256-CBC, PBKDF2 over HMAC-SHA-256), else in a block
//     "PRIVATE KEY", which is as safe as the permissions of the file. openssl reads both.
//   - lock is locked while a process uses the folder.
//
// With a passphrase or key store, the folder refuses keys that are not encrypted. On Unix it
// refuses key files that others may read. A file that labels.json does not name is left from a
// crash; the next change removes it.
func Folder(dir string, opts FolderOptions) Store { return &folder{dir: dir, opts: opts} }

type folder struct {
	dir  string
	opts FolderOptions
}

func (f *folder) Load(label string) (*Identity, error) {
	if err := checkLabel(opLoad, label); err != nil {
		return nil, err
	}
	var id *Identity
	err := f.reading(opLoad, label, func() error {
		labels, err := f.readLabels(opLoad)
		if err != nil {
			return err
		}
		id, err = f.load(opLoad, label, labels)
		return err
	})
	return id, err
}

func (f *folder) Labels() ([]string, error) {
	var labels labelMap
	err := f.reading(opList, f.dir, func() (err error) {
		labels, err = f.readLabels(opList)
		return err
	})
	return labels.sorted(), err
}

func (f *folder) Save(label string, id, replaces *Identity) error {
	if err := checkLabel(opSave, label); err != nil {
		return err
	}
	return f.changing(opSave, label, func(labels labelMap) error {
		if err := labels.checkReplaces(label, replaces); err != nil {
			return err
		}
		file, err := f.writeIdentity(label, id, len(labels) == 0)
		if err != nil {
			return err
		}
		entry := labels[label]
		entry.File, entry.Fingerprint = file, id.Fingerprint()
		labels[label] = entry
		return nil
	})
}

func (f *folder) Delete(label string) error {
	return f.changing(opDelete, label, func(labels labelMap) error {
		if _, ok := labels[label]; !ok {
			return notFound(opDelete, label)
		}
		delete(labels, label)
		return nil
	})
}

// reading runs do under the lock. A folder that is read-only or missing needs no lock.
func (f *folder) reading(op, subject string, do func() error) error {
	unlock, err := lockFile(filepath.Join(f.dir, lockName))
	switch {
	case err == nil:
		defer unlock()
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) && !isReadOnly(err):
		return ioFault(op, subject, err)
	}
	return do()
}

// changing runs change on the labels under the lock, and stores the result.
func (f *folder) changing(op, label string, change func(labelMap) error) error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return ioFault(op, label, err)
	}
	unlock, err := lockFile(filepath.Join(f.dir, lockName))
	if err != nil {
		return ioFault(op, label, err)
	}
	defer unlock()
	labels, err := f.readLabels(op)
	if err != nil {
		return err
	}
	defer f.sweep()
	if err := change(labels); err != nil {
		return err
	}
	return f.writeLabels(op, labels)
}

func (f *folder) load(op, label string, labels labelMap) (*Identity, error) {
	entry, ok := labels[label]
	if !ok {
		return nil, notFound(op, label)
	}
	secret, err := f.secret(op, false)
	if err != nil {
		return nil, err
	}
	data, err := readPrivate(filepath.Join(f.dir, entry.File))
	if err != nil {
		return nil, ioFault(op, label, err)
	}
	if secret != "" && !keyIsEncrypted(data) {
		return nil, fault.Crypto.In(op, label).Says("the private key is not encrypted, as this store demands").
			Try("the folder was changed by someone else, or made without a passphrase")
	}
	id, err := FromPEM(data, secret)
	if err != nil {
		return nil, within(op, label, err)
	}
	if id.Fingerprint() != entry.Fingerprint {
		return nil, fault.CorruptData.In(op, label).Says("the certificate is not the one that was stored")
	}
	return id.labelled(label), nil
}

// writeIdentity writes a file that no label names yet, and returns the file's name.
func (f *folder) writeIdentity(label string, id *Identity, first bool) (string, error) {
	secret, err := f.secret(opSave, first)
	if err != nil {
		return "", err
	}
	data, err := id.exportPEM(opSave, secret, f.rounds())
	if err != nil {
		return "", err
	}
	var name [16]byte
	_, _ = rand.Read(name[:]) // never fails
	file := hex.EncodeToString(name[:]) + ".pem"
	if err := writeNew(filepath.Join(f.dir, file), data); err != nil {
		return "", ioFault(opSave, label, err)
	}
	return file, nil
}

// secret returns the text that encrypts the keys, or "".
func (f *folder) secret(op string, empty bool) (string, error) {
	switch {
	case f.opts.Keyring && f.opts.Passphrase != "":
		return "", fault.Invalid.In(op, f.dir).Says("a passphrase and the key store exclude each other")
	case f.opts.Keyring:
		return folderSecret(op, f.dir, empty)
	}
	return f.opts.Passphrase, nil
}

// rounds returns the derivation rounds; a random secret needs no stretching.
func (f *folder) rounds() int {
	if f.opts.Keyring {
		return 1000
	}
	return f.opts.Rounds
}

// sweep removes identity files that no label names. A failure is harmless: the next change tries
// again.
func (f *folder) sweep() {
	labels, err := f.readLabels("sweep")
	if err != nil {
		return
	}
	named := map[string]bool{}
	for _, entry := range labels {
		named[entry.File] = true
	}
	files, _ := os.ReadDir(f.dir)
	for _, file := range files {
		if identityFile.MatchString(file.Name()) && !named[file.Name()] {
			_ = os.Remove(filepath.Join(f.dir, file.Name()))
		}
	}
}
