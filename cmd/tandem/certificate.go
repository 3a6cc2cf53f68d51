package main

import (
	"cmp"
	"crypto/x509"
	"fmt"

	"github.com/tandemdb/tandem"
)

// readCertificates reads the certificates in a file: PEM, DER, or the Base64 of either.
func readCertificates(file string) ([]*x509.Certificate, error) {
	data, err := readSmall(file)
	if err != nil {
		return nil, err
	}
	if isBlank(string(data)) {
		return nil, emptySetting("the file of certificates " + file)
	}
	certs, err := tandem.ParseCertificates(data)
	if err != nil {
		return nil, usageError{
			text: fmt.Sprintf("read certificates from %s: %v", file, err),
			hint: cmp.Or(tandem.HintOf(err), "name a file of certificates, such as `tandem identity show LABEL --pem` writes"),
		}
	}
	return certs, nil
}

// readPin reads a file with one certificate and returns it as DER.
func readPin(file string) ([]byte, error) {
	certs, err := readCertificates(file)
	if err != nil {
		return nil, err
	}
	if len(certs) != 1 {
		return nil, usageError{
			text: fmt.Sprintf("--pinned-cert %s: the file holds %d certificates, and a pin is just one", file, len(certs)),
			hint: "leave in it the certificate that the peer must show, as `tandem identity show LABEL --pem` writes it",
		}
	}
	return certs[0].Raw, nil
}

// identityStore returns this user's store.
func identityStore() (tandem.TLSIdentityStore, error) {
	for _, name := range []string{tandem.IdentityFolderVariable, tandem.IdentityPassphraseVariable} {
		if _, err := environment(name); err != nil {
			return nil, err
		}
	}
	return tandem.DefaultIdentityStore()
}

// loadIdentity returns the identity with a label from this user's store. Without a label it returns
// nil.
func loadIdentity(label string) (*tandem.TLSIdentity, error) {
	if label == "" {
		return nil, nil //nolint:nilnil // no identity is wanted
	}
	store, err := identityStore()
	if err != nil {
		return nil, err
	}
	id, err := store.Load(label)
	if err != nil {
		return nil, withHint(err, "see the labels there are with tandem identity list")
	}
	return id, nil
}
