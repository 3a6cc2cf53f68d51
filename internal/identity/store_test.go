package identity_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/identity"
)

const fewRounds = 1000 // derivation rounds that keep tests fast

// stores are all stores of the package. Each function opens the store at a place, so that
// opening twice stands for a second process. Lasting ones keep what they hold.
var stores = map[string]struct {
	lasts bool
	open  func(dir string) identity.Store
}{
	"memory": {false, func(string) identity.Store { return identity.Memory() }},
	"folder": {true, func(dir string) identity.Store {
		return identity.Folder(filepath.Join(dir, "ids"), identity.FolderOptions{})
	}},
	"folder with passphrase": {true, func(dir string) identity.Store {
		return identity.Folder(dir, identity.FolderOptions{Passphrase: "gehéim", Rounds: fewRounds})
	}},
	"folder with key store": {true, func(dir string) identity.Store {
		return identity.Folder(dir, identity.FolderOptions{Keyring: true})
	}},
	"PKCS#12 file": {true, func(dir string) identity.Store {
		return identity.PKCS12File(filepath.Join(dir, "ids.p12"), "gehéim", fewRounds)
	}},
	"key store": {true, identity.Keyring},
}

// eachStore runs a test on every store. Reopen opens the same place again, or returns the
// same store when it does not last.
func eachStore(t *testing.T, test func(t *testing.T, store identity.Store, reopen func() identity.Store)) {
	for name, kind := range stores {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			store := kind.open(dir)
			reopen := func() identity.Store {
				if kind.lasts {
					return kind.open(dir)
				}
				return store
			}
			test(t, store, reopen)
		})
	}
}

// I-08, I-09, I-10, I-11, I-12, I-13, I-20, I-21, T-20, X-21, X-23
func TestStoreKeepsIdentitiesUnderLabels(t *testing.T) {
	eachStore(t, func(t *testing.T, store identity.Store, reopen func() identity.Store) {
		issuer := create(t, nil, identity.Options{CommonName: "root", Usage: identity.Issue})
		made := create(t, store, identity.Options{CommonName: "till 7", Label: "till", Issuer: issuer})
		if made.Label() != "till" {
			t.Errorf("label is %q", made.Label())
		}
		got := load(t, reopen(), "till")
		if diff := cmp.Diff(made.Certs(), got.Certs()); diff != "" {
			t.Errorf("other certificates after reopening:\n%s", diff)
		}
		if got.Label() != "till" {
			t.Errorf("label is %q after reopening", got.Label())
		}
		checkSigns(t, got)

		_, err := identity.Create(reopen(), identity.Options{CommonName: "other", Label: "till"})
		wantFault(t, err, fault.Crypto)
		if load(t, reopen(), "till").Fingerprint() != made.Fingerprint() {
			t.Error("the refused identity replaced the first one")
		}

		if err := reopen().Delete("till"); err != nil {
			t.Fatal(err)
		}
		_, err = reopen().Load("till")
		wantFault(t, err, fault.NotFound)
		wantFault(t, store.Delete("till"), fault.NotFound)
	})
}

func TestStoreReplacesOnlyWhatItHolds(t *testing.T) {
	eachStore(t, func(t *testing.T, store identity.Store, reopen func() identity.Store) {
		one, two := simple(t, "one"), simple(t, "two")
		wantFault(t, store.Save("x", two, one), fault.Conflict)
		mustSave(t, store, "x", one)
		wantFault(t, store.Save("x", two, two), fault.Conflict)
		if err := reopen().Save("x", two, one); err != nil {
			t.Fatal(err)
		}
		if got := load(t, reopen(), "x"); got.Fingerprint() != two.Fingerprint() {
			t.Error("the identity was not replaced")
		}
	})
}

func TestStoreTakesEveryLabelOrRefusesIt(t *testing.T) {
	good := []string{
		"a", "..", "../../etc/passwd", "C:\\x", "CON", "a/b", "A", "ü €", "日本", "label with spaces",
		strings.Repeat("x", 256), ".pem", "labels.json",
	}
	bad := []string{"", strings.Repeat("x", 257), "a\x00b", "line\nbreak", "\xff"}
	eachStore(t, func(t *testing.T, store identity.Store, reopen func() identity.Store) {
		want := map[string]string{}
		for _, label := range good {
			id := simple(t, "cn")
			mustSave(t, store, label, id)
			want[label] = id.Fingerprint()
		}
		for _, label := range bad {
			wantFault(t, store.Save(label, simple(t, "cn"), nil), fault.Invalid)
			_, err := store.Load(label)
			wantFault(t, err, fault.Invalid)
		}
		got := map[string]string{}
		labels, err := reopen().Labels()
		if err != nil {
			t.Fatal(err)
		}
		for _, label := range labels {
			got[label] = load(t, reopen(), label).Fingerprint()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEmptyStoreHasNoLabels(t *testing.T) {
	eachStore(t, func(t *testing.T, store identity.Store, _ func() identity.Store) {
		labels, err := store.Labels()
		if err != nil || len(labels) != 0 {
			t.Errorf("got %q, %v", labels, err)
		}
	})
}

// T-11
func TestAnonymousIdentityIsSharedAndRenewed(t *testing.T) {
	eachStore(t, func(t *testing.T, _ identity.Store, reopen func() identity.Store) {
		uuid, other := [16]byte{1, 2, 3}, [16]byte{9}
		now := time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)
		first := anonymous(t, reopen(), uuid, now)
		if first.Label() != identity.AnonymousLabel(uuid) {
			t.Errorf("label is %q", first.Label())
		}
		if got := first.Expiration(); !got.Equal(now.AddDate(20, 0, 0)) {
			t.Errorf("expires at %v, want twenty years after %v", got, now)
		}
		late := first.Expiration().Add(-24 * time.Hour)
		if again := anonymous(t, reopen(), uuid, late); again.Fingerprint() != first.Fingerprint() {
			t.Error("not reused with 24 h left")
		}
		if anonymous(t, reopen(), other, now).Fingerprint() == first.Fingerprint() {
			t.Error("two databases have one identity")
		}
		renewed := anonymous(t, reopen(), uuid, late.Add(time.Second))
		if renewed.Fingerprint() == first.Fingerprint() {
			t.Error("not renewed with less than 24 h left")
		}
		if again := anonymous(t, reopen(), uuid, late.Add(time.Minute)); again.Fingerprint() != renewed.Fingerprint() {
			t.Error("renewed twice")
		}
	})
}

// Whoever has pinned an anonymous identity must recognize it for ever, whatever the clock of the
// listener has been through, and wherever the identity is kept.
func TestAnonymousIdentityIsRecognizedForEver(t *testing.T) {
	at := func(year int) time.Time { return time.Date(year, 3, 1, 12, 0, 0, 0, time.UTC) }
	for name, years := range map[string][]int{
		"three generations":                     {2030, 2051, 2072, 2093},
		"a clock that was ahead":                {2044, 2030, 2044},
		"a clock that begins anew at each boot": {2030, 1970, 2030, 1970, 2031, 1970, 2031},
	} {
		t.Run(name, func(t *testing.T) {
			eachStore(t, func(t *testing.T, _ identity.Store, reopen func() identity.Store) {
				anonymous(t, reopen(), [16]byte{9}, at(years[0])) // a neighbour in the store
				first := anonymous(t, reopen(), [16]byte{1}, at(years[0]))
				for _, year := range years[1:] {
					id := anonymous(t, reopen(), [16]byte{1}, at(year))
					if err := id.Check(identity.Server|identity.Client, at(year)); err != nil {
						t.Errorf("in %d: %v", year, err)
					}
					if !slices.ContainsFunc(id.Certificates(), first.Leaf().Equal) {
						t.Fatalf("in %d: the first certificate is not in the chain of %d", year, len(id.Certs()))
					}
					if len(id.Certs()) > len(years) {
						t.Errorf("in %d: the chain has %d certificates", year, len(id.Certs()))
					}
					for _, cert := range id.Certificates() {
						if !bytes.Equal(cert.RawSubjectPublicKeyInfo, first.Leaf().RawSubjectPublicKeyInfo) {
							t.Errorf("in %d: a certificate is of another key", year)
						}
					}
				}
			})
		})
	}
}

//
func TestAnonymousIdentityIsOneForAllWhoStartAtOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, _ identity.Store, reopen func() identity.Store) {
		now := time.Now()
		for _, at := range []time.Time{now, now.AddDate(20, 0, 0)} { // made, then renewed
			var wg sync.WaitGroup
			prints := make([]string, 8)
			for i := range prints {
				store := reopen()
				wg.Go(func() {
					if id, err := identity.Anonymous(store, [16]byte{7}, at); err == nil {
						prints[i] = id.Fingerprint()
					} else {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for _, p := range prints {
				if p != prints[0] {
					t.Fatalf("several identities: %q", prints)
				}
			}
		}
	})
}

func TestStoreHoldsManyWritersAtOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, _ identity.Store, reopen func() identity.Store) {
		id := simple(t, "cn")
		var wg sync.WaitGroup
		for i := range 8 {
			store, label := reopen(), string(rune('a'+i))
			wg.Go(func() {
				if err := store.Save(label, id, nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		labels, err := reopen().Labels()
		if err != nil || strings.Join(labels, "") != "abcdefgh" {
			t.Errorf("got %q, %v", labels, err)
		}
	})
}

func create(t *testing.T, store identity.Store, opts identity.Options) *identity.Identity {
	t.Helper()
	id, err := identity.Create(store, opts)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func simple(t *testing.T, name string) *identity.Identity {
	t.Helper()
	return create(t, nil, identity.Options{CommonName: name})
}

func mustSave(t *testing.T, store identity.Store, label string, id *identity.Identity) {
	t.Helper()
	if err := store.Save(label, id, nil); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, store identity.Store, label string) *identity.Identity {
	t.Helper()
	id, err := store.Load(label)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func anonymous(t *testing.T, store identity.Store, uuid [16]byte, now time.Time) *identity.Identity {
	t.Helper()
	id, err := identity.Anonymous(store, uuid, now)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func wantFault(t *testing.T, err error, want *fault.Error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want one like %q", err, want)
	}
	if fault.Of(err) != err { //nolint:errorlint // the outermost error must be ours
		t.Errorf("%v is not a *fault.Error itself", err)
	}
}
