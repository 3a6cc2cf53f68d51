package tandem_test

import (
	"errors"
	"testing"

	"github.com/tandemdb/tandem"
)

// A pin that was read from an empty file, or names nobody in particular, must not be as if there
// were none.
func TestB1APinIsOneCertificate(t *testing.T) {
	store := tandem.MemoryIdentityStore()
	id, err := tandem.CreateIdentity(store, tandem.TLSIdentityOptions{Label: "a", CommonName: "a"})
	check(t, err)
	one := id.CertificatesPEM()
	endpoint, err := tandem.NewURLEndpoint("wss://127.0.0.1:1/notes")
	check(t, err)
	for name, c := range map[string]struct {
		pin  []byte
		want error
	}{
		"nil":   {nil, nil},
		"empty": {[]byte{}, tandem.ErrInvalid},
		"blank": {[]byte(" \n"), tandem.ErrInvalid},
		"one":   {one, nil},
		"two":   {append(append([]byte(nil), one...), one...), tandem.ErrInvalid},
	} {
		cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint, PinnedServerCertificate: c.pin}
		cfg.AddCollection(newCollection(t))
		if err := cfg.Validate(); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// An empty name of the passphrase file must not leave keys in clear.
func TestB1EmptyVariablesOfTheIdentityStoreAreInvalid(t *testing.T) {
	for _, name := range []string{tandem.IdentityFolderVariable, tandem.IdentityPassphraseVariable} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(tandem.IdentityFolderVariable, t.TempDir())
			t.Setenv(name, "")
			if _, err := tandem.DefaultIdentityStore(); !errors.Is(err, tandem.ErrInvalid) {
				t.Errorf("got %v, want %v", err, tandem.ErrInvalid)
			}
		})
	}
}
