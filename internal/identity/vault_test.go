package identity_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/zalando/go-keyring"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/identity"
)

// I-14, I-18
func TestPKCS12StoreNoticesDamage(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want *fault.Error
	}{
		"foreign":        {[]byte("hello"), fault.WrongFormat},
		"empty":          {[]byte{}, fault.WrongFormat},
		"other password": {read(t, "unicode.p12"), fault.Crypto},
		"cut":            {read(t, "modern.p12")[:900], fault.WrongFormat},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "store.p12")
			writeFile(t, path, c.data)
			before := snapshot(t, dir)
			store := identity.PKCS12File(path, "secret", fewRounds)
			_, err := store.Load("x")
			wantFault(t, err, c.want)
			wantFault(t, store.Save("x", simple(t, "x"), nil), c.want)
			wantFault(t, store.Delete("x"), c.want)
			if snapshot(t, dir)["store.p12"] != before["store.p12"] {
				t.Error("the file was changed")
			}
		})
	}
}

func TestPKCS12StoreInAMissingFolder(t *testing.T) {
	store := identity.PKCS12File(filepath.Join(t.TempDir(), "missing", "store.p12"), "secret", fewRounds)
	_, err := store.Load("x")
	wantFault(t, err, fault.NotFound)
	wantFault(t, store.Save("x", simple(t, "x"), nil), fault.IO)
}

func TestPKCS12StoreKeepsWhatItCannotOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.p12")
	writeFile(t, path, read(t, "java.p12"))
	store := identity.PKCS12File(path, "secret", fewRounds)
	mustSave(t, store, "mine", simple(t, "mine"))
	if err := store.Delete("mine"); err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"one", "two"} {
		checkSigns(t, load(t, store, label))
	}
}

// I-14, I-25
func TestWithoutAKeyStoreTheErrorSaysSo(t *testing.T) {
	keyring.MockInitWithError(errors.New("no session bus"))
	t.Cleanup(keyring.MockInit)
	for name, store := range map[string]identity.Store{
		"key store": identity.Keyring("none"),
		"folder":    identity.Folder(t.TempDir(), identity.FolderOptions{Keyring: true}),
	} {
		err := store.Save("x", simple(t, "x"), nil)
		wantFault(t, err, fault.Crypto)
		if fault.HintOf(err) == "" {
			t.Errorf("%s: no hint", name)
		}
	}
}

func TestFolderDoesNotReplaceALostSecret(t *testing.T) {
	keyring.MockInit()
	store := identity.Folder(t.TempDir(), identity.FolderOptions{Keyring: true})
	mustSave(t, store, "x", simple(t, "x"))
	keyring.MockInit() // empty again
	_, err := store.Load("x")
	wantFault(t, err, fault.Crypto)
	wantFault(t, store.Save("y", simple(t, "y"), nil), fault.Crypto)
	if err := store.Delete("x"); err != nil {
		t.Error(err)
	}
	mustSave(t, store, "y", simple(t, "y"))
}

// The key store limits the size of an item; a file is cut into pieces, and no old piece stays.
func TestKeyringCutsTheFileIntoPieces(t *testing.T) {
	const service = "tandem-identities"
	keyring.MockInit()
	store := identity.Keyring("pieces")
	root := create(t, nil, identity.Options{CommonName: "root", Usage: identity.Issue})
	for _, label := range []string{"a", "b", "c"} {
		create(t, store, identity.Options{CommonName: label, Label: label, Issuer: root})
	}
	head, err := keyring.Get(service, "pieces")
	if err != nil {
		t.Fatal(err)
	}
	if err := keyring.Set(service, "pieces", `{"version":1,"pieces":2,"batch":"gone"}`); err != nil {
		t.Fatal(err)
	}
	_, err = store.Load("a")
	wantFault(t, err, fault.CorruptData)
	if err := keyring.Set(service, "pieces", `{"version":9}`); err != nil {
		t.Fatal(err)
	}
	_, err = store.Labels()
	wantFault(t, err, fault.TooNew)
	if err := keyring.Set(service, "pieces", head); err != nil {
		t.Fatal(err)
	}
	checkSigns(t, load(t, store, "b"))
}
