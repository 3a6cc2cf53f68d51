package main

import (
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
	certs, err := tandem.ParseCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("read certificates from %s: %w", file, err)
	}
	return certs, nil
}

// loadIdentity returns the identity of a label from the store of this user, nil for no label.
func loadIdentity(label string) (*tandem.TLSIdentity, error) {
	if label == "" {
		return nil, nil //nolint:nilnil // no identity is wanted
	}
	store, err := tandem.DefaultIdentityStore()
	if err != nil {
		return nil, err
	}
	id, err := store.Load(label)
	if err != nil {
		return nil, withHint(err, "see the labels there are with tandem identity list")
	}
	return id, nil
}
