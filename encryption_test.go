package tandem_test

import (
	"errors"
	"fmt"
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

func TestAnEncryptionKeyDoesNotPrint(t *testing.T) {
	key := passphraseKey(t, "swordfish")
	text := fmt.Sprintf("%v %+v %#v %x %v", key, key, key, key, tandem.Options{EncryptionKey: key})
	if strings.Contains(text, "sword") || !strings.Contains(text, "(secret)") {
		t.Errorf("got %s", text)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	if _, err := tandem.NewEncryptionKey([]byte("short")); !errors.Is(err, tandem.ErrInvalid) {
		t.Errorf("short key: got %v", err)
	}
	if _, err := tandem.NewPassphraseKey(""); !errors.Is(err, tandem.ErrInvalid) {
		t.Errorf("empty passphrase: got %v", err)
	}
}
