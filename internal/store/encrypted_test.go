package store_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/seal"
	"github.com/tandemdb/tandem/internal/store"
)

var testKey = bytes.Repeat([]byte{42}, seal.KeySize)

func rawKey(t testing.TB, key []byte) *seal.Secret {
	t.Helper()
	secret, err := seal.RawKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// atRest runs a test for plain and for encrypted databases.
func atRest(t *testing.T, test func(*testing.T, store.Options)) {
	t.Run("plain", func(t *testing.T) { test(t, store.Options{}) })
	t.Run("encrypted", func(t *testing.T) { test(t, store.Options{Secret: rawKey(t, testKey)}) })
}

// optionsFor returns the options that open the database at path.
func optionsFor(t testing.TB, path string) store.Options {
	t.Helper()
	o := store.Options{MustExist: true}
	if store.IsEncrypted(path) {
		o.Secret = rawKey(t, testKey)
	}
	return o
}

// contents returns the content of every file below folder by name.
func contents(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, folder)] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// secrets are texts that must not be readable in the files of a database filled by fillSecretly.
type secrets struct{ digest, large string }

const (
	secretID    = "patient-4711"
	secretText  = "the butler did it"
	secretSmall = "a small photograph of the butler"
)

func (s secrets) all(t *testing.T) [][]byte {
	sum, err := document.ParseDigest(s.digest)
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{
		[]byte(secretID), []byte(secretText), []byte(secretSmall), []byte(s.large[:40]), []byte(s.large[100_000:100_040]),
		[]byte(s.digest), sum[:], []byte(hex.EncodeToString(sum[:])), []byte("SQLite format 3"), []byte("CREATE TABLE"), testKey,
	}
}

// fillSecretly stores documents, revisions, a deletion, and blobs of one and of several segments.
func fillSecretly(t *testing.T, db *store.DB) secrets {
	t.Helper()
	c := defaults(t, db)
	s := secrets{large: strings.Repeat("0123456789 ", 20_000)}
	update(t, db, func(tx *store.Tx) error {
		for i := range 300 {
			id := secretID + strings.Repeat("x", i%7) + string(rune('a'+i%26))
			if _, err := tx.Save(c, store.Edit{ID: id, Body: []byte(`{"text":"` + secretText + `"}`)}); err != nil {
				return err
			}
		}
		return nil
	})
	s.digest = putBlob(t, db, secretSmall)
	save(t, db, c, secretID, blobBody(s.digest))
	save(t, db, c, secretID+"-large", blobBody(putBlob(t, db, s.large)))
	update(t, db, func(tx *store.Tx) error {
		_, err := tx.Save(c, store.Edit{ID: secretID + "a", Deleted: true})
		return err
	})
	return s
}

// intact checks that db has what fillSecretly stored.
func (s secrets) intact(t *testing.T, db *store.DB) {
	t.Helper()
	c := defaults(t, db)
	if d := get(t, db, c, secretID); d == nil || string(d.Body) != blobBody(s.digest) {
		t.Errorf("got %v for %s", d, secretID)
	}
	if d := get(t, db, c, secretID+"b"); d == nil || !strings.Contains(string(d.Body), secretText) {
		t.Errorf("got %v for %sb", d, secretID)
	}
	if got := readBlob(t, db, s.digest); got != secretSmall {
		t.Errorf("the small blob is %q", got)
	}
	if got := readBlob(t, db, document.Digest(sha1.Sum([]byte(s.large)))); got != s.large {
		t.Errorf("the large blob has %d bytes, or others", len(got))
	}
	sound(t, db)
}

func TestNothingShowsInAnEncryptedFolder(t *testing.T) {
	db := open(t, store.Options{Secret: rawKey(t, testKey)})
	s := fillSecretly(t, db)
	hidden := func(when string) {
		t.Helper()
		for name, text := range contents(t, db.Path()) {
			for _, secret := range s.all(t) {
				if bytes.Contains(text, secret) || strings.Contains(name, string(secret)) {
					t.Errorf("%s: %q shows in %s", when, secret, name)
				}
			}
		}
	}
	hidden("in the log")
	if err := db.UpdateDurable(background, func(*store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	hidden("when synced")
	w, err := db.BlobWriter(background)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, s.large); err != nil {
		t.Fatal(err)
	}
	hidden("while a blob is written")
	w.Abort()
	if err := db.Compact(background); err != nil {
		t.Fatal(err)
	}
	hidden("when compacted")
	if err := db.ChangeKey(background, rawKey(t, bytes.Repeat([]byte{1}, 32))); err != nil {
		t.Fatal(err)
	}
	hidden("with another key")
	s.intact(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	hidden("when closed")
}

// TestTheScanFindsWhatIsThere checks that the scan of the test above finds the secrets in plain
// files.
func TestTheScanFindsWhatIsThere(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{})
	s := fillSecretly(t, db)
	if err := db.Compact(background); err != nil {
		t.Fatal(err)
	}
	for i, secret := range s.all(t)[:9] {
		found := i == 6 // the binary digest is stored nowhere
		for name, text := range contents(t, db.Path()) {
			found = found || bytes.Contains(text, secret) || strings.Contains(name, string(secret))
		}
		if !found {
			t.Errorf("%q is not found", secret)
		}
	}
}

func TestTheKeyMustFit(t *testing.T) {
	inFolders(t)
	right, wrong := rawKey(t, testKey), rawKey(t, make([]byte, 32))
	text, err := seal.Passphrase("swordfish")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ has, given *seal.Secret }{
		"wrong key":               {right, wrong},
		"passphrase for a key":    {right, text},
		"no key":                  {right, nil},
		"a key for no encryption": {nil, right},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			db := open(t, store.Options{Secret: test.has})
			save(t, db, defaults(t, db), "a", `{}`)
			db.Close()
			before := contents(t, db.Path())
			_, err := store.Open(background, db.Path(), store.Options{Secret: test.given})
			if !errors.Is(err, fault.NotADatabase) || fault.Of(err).Hint == "" || fault.Of(err).Subject != db.Path() {
				t.Errorf("got %v, want fault.NotADatabase with a hint", err)
			}
			for name, text := range contents(t, db.Path()) {
				if !bytes.Equal(before[name], text) {
					t.Errorf("%s has changed", name)
				}
			}
		})
	}
}

func TestALostOrDamagedKeyFileIsReported(t *testing.T) {
	secret := rawKey(t, testKey)
	damage := map[string]func(file string) error{
		"lost":    os.Remove,
		"emptied": func(file string) error { return os.WriteFile(file, nil, 0o600) },
		"cut":     func(file string) error { return os.Truncate(file, 100) },
		"another's": func(file string) error {
			text, err := seal.NewKeys().Lock(secret)
			return errors.Join(err, os.WriteFile(file, text, 0o600))
		},
	}
	for name, do := range damage {
		t.Run(name, func(t *testing.T) {
			db := open(t, store.Options{Secret: secret})
			db.Close()
			if err := do(filepath.Join(db.Path(), "key.json")); err != nil {
				t.Fatal(err)
			}
			for _, o := range []store.Options{{}, {Secret: secret}} {
				opened, err := store.Open(background, db.Path(), o)
				if err == nil {
					opened.Close()
				}
				if fault.Of(err) == nil || !errors.Is(err, fault.NotADatabase) && !errors.Is(err, fault.CorruptData) {
					t.Errorf("with secret %v: got %v", o.Secret, err)
				}
			}
		})
	}
}

func TestManyCreateOneEncryptedDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "many"+store.Extension)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			db, err := store.Open(background, path, store.Options{Secret: rawKey(t, testKey)})
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if _, err := db.Collection(background, store.DefaultName, store.DefaultName); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestACreationThatWasCutOffGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cut"+store.Extension)
	db := openAt(t, path, store.Options{Secret: rawKey(t, testKey)})
	db.Close()
	for _, name := range []string{"db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm", "blobs"} {
		if err := os.RemoveAll(filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Open(background, path, store.Options{}); !errors.Is(err, fault.NotADatabase) {
		t.Errorf("without the key: got %v", err)
	}
	db = openAt(t, path, store.Options{Secret: rawKey(t, testKey)})
	save(t, db, defaults(t, db), "a", `{}`)
	sound(t, db)
}

func TestDamageOfAnEncryptedBlobIsFound(t *testing.T) {
	db := open(t, store.Options{Secret: rawKey(t, testKey)})
	c := defaults(t, db)
	one, other := strings.Repeat("one", 50_000), strings.Repeat("two", 50_000)
	digests := []string{putBlob(t, db, one), putBlob(t, db, other)}
	save(t, db, c, "one", blobBody(digests[0]))
	save(t, db, c, "other", blobBody(digests[1]))
	sound(t, db)
	files, err := filepath.Glob(filepath.Join(db.Path(), "blobs", "*.blob"))
	if err != nil || len(files) != 2 {
		t.Fatalf("got %v, %v", files, err)
	}
	exchange := func() {
		for _, move := range [][2]string{{files[0], files[0] + "x"}, {files[1], files[0]}, {files[0] + "x", files[1]}} {
			if err := os.Rename(move[0], move[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	exchange()
	for _, digest := range digests {
		if _, err := db.OpenBlob(digest); !errors.Is(err, fault.CorruptData) {
			t.Errorf("exchanged: got %v", err)
		}
	}
	exchange()
	file, err := os.OpenFile(files[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte{1, 2, 3, 4}, 5000); err != nil {
		t.Fatal(err)
	}
	problems, err := db.Check(background)
	if err != nil || len(problems) != 1 {
		t.Errorf("got %v, %v, want one problem", problems, err)
	}
}

func TestACopyHasTheSameKey(t *testing.T) {
	db := open(t, store.Options{Secret: rawKey(t, testKey)})
	s := fillSecretly(t, db)
	to := filepath.Join(t.TempDir(), "copy"+store.Extension)
	if err := db.Copy(background, to); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(background, to, store.Options{}); !errors.Is(err, fault.NotADatabase) {
		t.Errorf("without the key: got %v", err)
	}
	s.intact(t, openAt(t, to, optionsFor(t, to)))
}

func TestUnusedEncryptedBlobsAreRemoved(t *testing.T) {
	db := open(t, store.Options{Secret: rawKey(t, testKey)})
	c := defaults(t, db)
	digest := putBlob(t, db, "content")
	save(t, db, c, "a", blobBody(digest))
	if err := db.Compact(background); err != nil || readBlob(t, db, digest) != "content" {
		t.Errorf("a needed blob is gone: %v", err)
	}
	update(t, db, func(tx *store.Tx) error { return tx.Purge(c, "a") })
	if err := db.Compact(background); err != nil || db.HasBlob(digest) {
		t.Errorf("a blob that nobody needs is still there: %v", err)
	}
}
