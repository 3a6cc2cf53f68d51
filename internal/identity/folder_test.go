package identity_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/identity"
)

// I-22, I-23, I-24, P-07
func TestFolderKeepsKeysFromOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has other permissions")
	}
	dir := filepath.Join(t.TempDir(), "a", "ids")
	store := identity.Folder(dir, identity.FolderOptions{})
	mustSave(t, store, "x", simple(t, "x"))
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(keyFile(t, dir), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = store.Load("x")
	wantFault(t, err, fault.Crypto)
	if err := store.Delete("x"); err != nil {
		t.Errorf("an unreadable identity cannot be deleted: %v", err)
	}
}

// I-23
func TestFolderEncryptsKeys(t *testing.T) {
	for name, opts := range map[string]identity.FolderOptions{
		"passphrase": {Passphrase: "geheim", Rounds: fewRounds},
		"key store":  {Keyring: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			store := identity.Folder(dir, opts)
			id := simple(t, "x")
			mustSave(t, store, "x", id)
			data, err := os.ReadFile(keyFile(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(data, []byte("BEGIN PRIVATE KEY")) || !bytes.Contains(data, []byte("BEGIN ENCRYPTED")) {
				t.Error("the key is not encrypted")
			}
			_, err = identity.Folder(dir, identity.FolderOptions{}).Load("x")
			wantFault(t, err, fault.Crypto)
			_, err = identity.Folder(dir, identity.FolderOptions{Passphrase: "guess"}).Load("x")
			wantFault(t, err, fault.Crypto)

			plain, err := id.ExportPEM("")
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, keyFile(t, dir), plain)
			_, err = store.Load("x")
			wantFault(t, err, fault.Crypto)
		})
	}
	both := identity.Folder(t.TempDir(), identity.FolderOptions{Keyring: true, Passphrase: "x"})
	wantFault(t, both.Save("x", simple(t, "x"), nil), fault.Invalid)
}

// I-14
func TestFolderNoticesDamage(t *testing.T) {
	other := simple(t, "other")
	otherPEM, err := other.ExportPEM("")
	if err != nil {
		t.Fatal(err)
	}
	labels := func(entry string) []byte {
		return []byte(`{"format":"tandem-identities","version":1,"identities":{"x":` + entry + `}}`)
	}
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		want   *fault.Error
	}{
		"key file gone":     {func(t *testing.T, dir string) { _ = os.Remove(keyFile(t, dir)) }, fault.IO},
		"key file empty":    {func(t *testing.T, dir string) { writeFile(t, keyFile(t, dir), nil) }, fault.WrongFormat},
		"key file replaced": {func(t *testing.T, dir string) { writeFile(t, keyFile(t, dir), otherPEM) }, fault.CorruptData},
		"key file huge":     {func(t *testing.T, dir string) { writeFile(t, keyFile(t, dir), make([]byte, 2<<20)) }, fault.CorruptData},
		"labels cut":        {func(t *testing.T, dir string) { writeFile(t, labelsFile(dir), []byte(`{"format`)) }, fault.CorruptData},
		"labels foreign":    {func(t *testing.T, dir string) { writeFile(t, labelsFile(dir), []byte(`{}`)) }, fault.WrongFormat},
		"labels newer": {func(t *testing.T, dir string) {
			writeFile(t, labelsFile(dir), []byte(`{"format":"tandem-identities","version":2}`))
		}, fault.TooNew},
		"path outside": {func(t *testing.T, dir string) {
			writeFile(t, labelsFile(dir), labels(`{"file":"../../../etc/passwd"}`))
		}, fault.CorruptData},
		"labels a folder": {func(t *testing.T, dir string) {
			_ = os.Remove(labelsFile(dir))
			_ = os.Mkdir(labelsFile(dir), 0o700)
		}, fault.IO},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			store := identity.Folder(dir, identity.FolderOptions{})
			mustSave(t, store, "x", simple(t, "x"))
			c.damage(t, dir)
			_, err := store.Load("x")
			wantFault(t, err, c.want)
		})
	}
}

// A crash at any moment leaves files that no label names; they do no harm and are removed.
func TestFolderRemovesTheRestOfACrash(t *testing.T) {
	dir := t.TempDir()
	store := identity.Folder(dir, identity.FolderOptions{})
	mustSave(t, store, "x", simple(t, "x"))
	stray := filepath.Join(dir, strings.Repeat("ab", 16)+".pem")
	foreign := filepath.Join(dir, "mine.pem")
	writeFile(t, stray, []byte("rest"))
	writeFile(t, foreign, []byte("mine"))
	writeFile(t, labelsFile(dir)+".new", []byte("rest"))
	mustSave(t, store, "y", simple(t, "y"))
	if _, err := os.Stat(stray); !os.IsNotExist(err) {
		t.Error("the stray file is still there")
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error("a file of someone else was removed")
	}
	if got, err := store.Labels(); err != nil || len(got) != 2 {
		t.Errorf("got %q, %v", got, err)
	}
	wantFault(t, store.Save("x", simple(t, "z"), nil), fault.Crypto)
	if n := len(keyFiles(t, dir)); n != 3 { // x, y, mine
		t.Errorf("%d key files, want 3", n)
	}
}

// Each file operation of a Save may be the one that fails: here the one that renames.
func TestFolderStaysAsItWasWhenAChangeFails(t *testing.T) {
	dir := t.TempDir()
	store := identity.Folder(dir, identity.FolderOptions{})
	mustSave(t, store, "x", simple(t, "x"))
	if err := os.MkdirAll(filepath.Join(labelsFile(dir)+".new", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	wantFault(t, store.Save("y", simple(t, "y"), nil), fault.IO)
	wantFault(t, store.Delete("x"), fault.IO)
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestFolderIsReadWithoutWritePermission(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("permissions do not hold this user back")
	}
	dir := t.TempDir()
	store := identity.Folder(dir, identity.FolderOptions{})
	mustSave(t, store, "x", simple(t, "x"))
	_ = os.Remove(filepath.Join(dir, "lock"))
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) }) //nolint:gosec // so that it can be removed
	load(t, store, "x")
	wantFault(t, store.Delete("x"), fault.CantOpen)
}

// T-20, I-09, I-25
func TestDefaultStoreWorksOnABareServer(t *testing.T) {
	config := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "AppData"} {
		t.Setenv(name, config)
	}
	for _, name := range []string{identity.EnvFolder, identity.EnvPassphrase} {
		t.Setenv(name, "") // restored afterwards
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	anonymous(t, open(t), [16]byte{1}, time.Now())
	if got, err := open(t).Labels(); err != nil || len(got) != 1 {
		t.Errorf("got %q, %v", got, err)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "tandem", "identities", "labels.json")); err != nil {
		t.Error(err)
	}
}

func TestDefaultStoreHeedsTheEnvironment(t *testing.T) {
	dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "passphrase")
	t.Setenv(identity.EnvFolder, dir)
	t.Setenv(identity.EnvPassphrase, secret)
	_, err := identity.Default()
	wantFault(t, err, fault.CantOpen)
	writeFile(t, secret, []byte("\nsecond line"))
	_, err = identity.Default()
	wantFault(t, err, fault.CantOpen)
	writeFile(t, secret, []byte("geheim\r\n"))
	mustSave(t, open(t), "x", simple(t, "x"))
	load(t, identity.Folder(dir, identity.FolderOptions{Passphrase: "geheim"}), "x")
}

func open(t *testing.T) identity.Store {
	t.Helper()
	store, err := identity.Default()
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func FuzzLabelsFile(f *testing.F) {
	f.Add([]byte(`{"format":"tandem-identities","version":1,"identities":{"x":{"file":"00.pem","fingerprint":""}}}`))
	f.Add([]byte(`{"format":"tandem-identities","version":1,"identities":null}`))
	dir := f.TempDir()
	store := identity.Folder(dir, identity.FolderOptions{})
	f.Fuzz(func(t *testing.T, data []byte) {
		writeFile(t, labelsFile(dir), data)
		var labels []string
		var err error
		fuzzing.Bounded(t, len(data), func() { labels, err = store.Labels() })
		if err != nil && fault.Of(err) == nil {
			t.Fatalf("%v is not a fault", err)
		}
		if err == nil && !json.Valid(data) {
			t.Fatalf("%q read from broken JSON", labels)
		}
	})
}

func labelsFile(dir string) string { return filepath.Join(dir, "labels.json") }

func keyFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func keyFile(t *testing.T, dir string) string {
	t.Helper()
	files := keyFiles(t, dir)
	if len(files) != 1 {
		t.Fatalf("%d key files", len(files))
	}
	return files[0]
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		data, _ := os.ReadFile(filepath.Join(dir, entry.Name())) // a folder has no content
		files[entry.Name()] = string(data)
	}
	return files
}
