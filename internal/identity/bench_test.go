package identity_test

import (
	"testing"

	"github.com/tandemdb/tandem/internal/identity"
)

func BenchmarkLoad(b *testing.B) {
	for name, store := range map[string]identity.Store{
		"folder":            identity.Folder(b.TempDir(), identity.FolderOptions{}),
		"folder passphrase": identity.Folder(b.TempDir(), identity.FolderOptions{Passphrase: "geheim"}),
		"PKCS#12 file":      identity.PKCS12File(b.TempDir()+"/ids.p12", "geheim", 0),
	} {
		b.Run(name, func(b *testing.B) {
			if _, err := identity.Create(store, identity.Options{CommonName: "x", Label: "x"}); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := store.Load("x"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCreate(b *testing.B) {
	for b.Loop() {
		if _, err := identity.Create(nil, identity.Options{CommonName: "x"}); err != nil {
			b.Fatal(err)
		}
	}
}
