package identity

import (
	"crypto/x509"
	"slices"

	"github.com/tandemdb/tandem/internal/identity/pkcs"
)

// vault is a store that keeps all identities in one PKCS#12 file at some place.
type vault struct {
	place    place
	password string
	rounds   int
}

// place is the storage of a vault's file.
type place interface {
	// lock excludes other users until unlock is called.
	lock() (unlock func(), err error)
	// read returns the file, or nil if it does not exist.
	read() ([]byte, error)
	// write replaces the file. On failure the old file stays.
	write(data []byte) error
}

func (v *vault) Load(label string) (*Identity, error) {
	if err := checkLabel(opLoad, label); err != nil {
		return nil, err
	}
	file, err := v.reading(opLoad, label)
	if err != nil {
		return nil, err
	}
	at := indexOf(file, label)
	if at < 0 {
		return nil, notFound(opLoad, label)
	}
	id, err := v.identity(file, at)
	if err != nil {
		return nil, within(opLoad, label, err)
	}
	return id.labelled(label), nil
}

func (v *vault) Labels() ([]string, error) {
	file, err := v.reading(opList, "")
	if err != nil {
		return nil, err
	}
	var labels []string
	for _, key := range file.Keys {
		if name := aliasOf(file, key); checkLabel(opList, name) == nil {
			labels = append(labels, name)
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels), nil
}

func (v *vault) Save(label string, id, replaces *Identity) error {
	if err := checkLabel(opSave, label); err != nil {
		return err
	}
	return v.changing(opSave, label, func(file *pkcs.File, at int) error {
		if at >= 0 {
			if replaces == nil {
				return taken(label)
			}
			held, err := v.identity(file, at)
			if err != nil {
				return err
			}
			if !same(held, replaces) {
				return replaced(label)
			}
			remove(file, at)
		} else if replaces != nil {
			return replaced(label)
		}
		return addToFile(opSave, file, id, label, v.password, v.rounds)
	})
}

func (v *vault) Delete(label string) error {
	return v.changing(opDelete, label, func(file *pkcs.File, at int) error {
		if at < 0 {
			return notFound(opDelete, label)
		}
		remove(file, at)
		return nil
	})
}

func (v *vault) reading(op, subject string) (*pkcs.File, error) {
	unlock, err := v.place.lock()
	if err != nil {
		return nil, ioFault(op, subject, err)
	}
	defer unlock()
	return v.open(op, subject)
}

func (v *vault) open(op, subject string) (*pkcs.File, error) {
	data, err := v.place.read()
	if err != nil {
		return nil, ioFault(op, subject, err)
	}
	if data == nil {
		return &pkcs.File{}, nil
	}
	file, err := pkcs.Open(data, v.password)
	if err != nil {
		return nil, within(op, subject, err)
	}
	return file, nil
}

// changing runs change on the file and the index of label in it, and stores the result.
func (v *vault) changing(op, label string, change func(file *pkcs.File, at int) error) error {
	unlock, err := v.place.lock()
	if err != nil {
		return ioFault(op, label, err)
	}
	defer unlock()
	file, err := v.open(op, label)
	if err != nil {
		return err
	}
	if err := change(file, indexOf(file, label)); err != nil {
		return within(op, label, err)
	}
	data, err := file.Encode(v.password, v.rounds)
	if err != nil {
		return within(op, label, err)
	}
	if err := v.place.write(data); err != nil {
		return ioFault(op, label, err)
	}
	return nil
}

func (v *vault) identity(file *pkcs.File, at int) (*Identity, error) {
	return fromFile(opLoad, file, file.Keys[at], v.password)
}

func indexOf(file *pkcs.File, label string) int {
	return slices.IndexFunc(file.Keys, func(k pkcs.Key) bool { return aliasOf(file, k) == label })
}

// remove removes a key from file, and its certificates unless another key needs them.
func remove(file *pkcs.File, at int) {
	gone := chainOf(file, file.Keys[at])
	file.Keys = slices.Delete(file.Keys, at, at+1)
	for _, key := range file.Keys {
		for _, cert := range chainOf(file, key) {
			gone = slices.DeleteFunc(gone, cert.Equal)
		}
	}
	file.Certs = slices.DeleteFunc(file.Certs, func(c pkcs.Cert) bool {
		return slices.ContainsFunc(gone, func(g *x509.Certificate) bool { return string(g.Raw) == string(c.DER) })
	})
}

// chainOf returns the certificates of a key by the key's ID, without decrypting the key.
func chainOf(file *pkcs.File, key pkcs.Key) []*x509.Certificate {
	certs, err := parseFileCerts("", file, key)
	if err != nil || !slices.ContainsFunc(file.Certs, func(c pkcs.Cert) bool { return sharesID(c, key) }) {
		return nil
	}
	return arrange(certs, certs[0].PublicKey, false)
}
