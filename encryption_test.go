package tandem_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

func passphraseKey(t *testing.T, text string) *tandem.EncryptionKey {
	t.Helper()
	key, err := tandem.NewPassphraseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAnEncryptedDatabaseNeedsItsKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	raw, err := tandem.NewEncryptionKey(make([]byte, tandem.EncryptionKeySize))
	if err != nil {
		t.Fatal(err)
	}
	keys := []*tandem.EncryptionKey{nil, passphraseKey(t, "swordfish"), raw, nil}
	for i, key := range keys {
		db, err := tandem.Open(t.Context(), path, tandem.Options{EncryptionKey: key})
		if err != nil {
			t.Fatalf("key %d: %v", i, err)
		}
		if db.IsEncrypted() != (key != nil) || tandem.IsEncrypted(path) != (key != nil) {
			t.Errorf("key %d: encrypted is %v, %v", i, db.IsEncrypted(), tandem.IsEncrypted(path))
		}
		next := keys[(i+1)%len(keys)]
		if err := db.ChangeEncryptionKey(t.Context(), next); err != nil {
			t.Fatalf("from key %d: %v", i, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if next == key {
			continue
		}
		if _, err := tandem.Open(t.Context(), path, tandem.Options{EncryptionKey: key}); !errors.Is(err, tandem.ErrNotADatabase) {
			t.Errorf("with key %d, that is no longer it: got %v, want %v", i, err, tandem.ErrNotADatabase)
		} else if tandem.HintOf(err) == "" {
			t.Errorf("key %d: %v has no hint", i, err)
		}
	}
}

// TestASyncLeavesNothingReadable syncs two encrypted databases, in both directions, and looks into their folders.
func TestASyncLeavesNothingReadable(t *testing.T) {
	key := passphraseKey(t, "swordfish")
	server := openTemp(t, "server", tandem.Options{EncryptionKey: key})
	client := openTemp(t, "client", tandem.Options{EncryptionKey: key})
	photo := tandem.NewBlob("text/plain", []byte("the content of a photograph"))
	for _, db := range []*tandem.Database{server, client} {
		doc := newDocument(t, "patient-of-"+db.Name(), `{"diagnosis":"measles"}`)
		check(t, doc.SetBlob("photo", photo))
		check(t, defaultIn(t, db).Save(t.Context(), doc))
	}
	l := serve(t, tandem.URLEndpointListenerConfiguration{Collections: []*tandem.Collection{defaultIn(t, server)}})
	syncOnce(t, replicator(t, l.URLs()[0], defaultIn(t, client)))
	for _, db := range []*tandem.Database{server, client} {
		if n, err := defaultIn(t, db).Count(t.Context()); n != 2 || err != nil {
			t.Errorf("%s has %d documents, %v", db.Name(), n, err)
		}
		check(t, filepath.WalkDir(db.Path(), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			for _, secret := range []string{"patient-of", "measles", "photograph", photo.Digest(), l.URLs()[0]} {
				if bytes.Contains(text, []byte(secret)) {
					t.Errorf("%q shows in %s", secret, path)
				}
			}
			return err
		}))
	}
}

func TestAnEncryptionKeyDoesNotPrint(t *testing.T) {
	key := passphraseKey(t, "swordfish")
	text := fmt.Sprintf("%v %+v %#v %x %v", key, key, key, key, tandem.Options{EncryptionKey: key})
	if strings.Contains(text, "sword") || !strings.Contains(text, "(secret)") {
		t.Errorf("got %s", text)
	}
}

func TestEmptyAndShortKeysAreRefused(t *testing.T) {
	if _, err := tandem.NewEncryptionKey([]byte("short")); !errors.Is(err, tandem.ErrInvalid) {
		t.Errorf("short key: got %v", err)
	}
	if _, err := tandem.NewPassphraseKey(""); !errors.Is(err, tandem.ErrInvalid) {
		t.Errorf("empty passphrase: got %v", err)
	}
}

// A key that nobody made must not pass for none: that would store in clear text, or decrypt.
func TestAZeroKeyIsRefused(t *testing.T) {
	zero := new(tandem.EncryptionKey)
	path := filepath.Join(t.TempDir(), "db")
	_, err := tandem.Open(t.Context(), path, tandem.Options{EncryptionKey: zero})
	wantError(t, "open", err, tandem.ErrInvalid)
	wantError(t, "validate", tandem.Options{EncryptionKey: zero}.Validate(), tandem.ErrInvalid)
	if tandem.Exists(path) {
		t.Error("there is a database")
	}
	key, err := tandem.NewEncryptionKey(make([]byte, tandem.EncryptionKeySize))
	check(t, err)
	db := openAt(t, path, tandem.Options{EncryptionKey: key})
	wantError(t, "change", db.ChangeEncryptionKey(t.Context(), zero), tandem.ErrInvalid)
	if !db.IsEncrypted() {
		t.Error("the encryption is gone")
	}
}
