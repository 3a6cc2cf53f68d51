package identity_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/identity"
)

func TestPlacesOfAnonymousIdentities(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ids")
	store := identity.Folder(dir, identity.FolderOptions{})
	first, second := [16]byte{1}, [16]byte{2}
	for _, uuid := range [][16]byte{first, second} {
		if _, err := identity.Anonymous(store, uuid, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := identity.Create(store, identity.Options{Label: "anonymous-shop", CommonName: "shop"}); err != nil {
		t.Fatal(err)
	}
	a, b := identity.AnonymousLabel(first), identity.AnonymousLabel(second)
	note := func(uuid [16]byte, path string, want map[string]identity.Place) {
		t.Helper()
		if err := identity.NoteDatabase(store, uuid, path); err != nil {
			t.Fatal(err)
		}
		got, err := identity.Places(store)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("got %v (%v), want %v", got, err, want)
		}
	}
	note(first, "/a", map[string]identity.Place{a: {Path: "/a"}, b: {}})
	note(second, "/b", map[string]identity.Place{a: {Path: "/a"}, b: {Path: "/b"}})
	note(second, "/a", map[string]identity.Place{a: {Path: "/a", Replaced: true}, b: {Path: "/a"}})
	note(first, "/b", map[string]identity.Place{a: {Path: "/b"}, b: {Path: "/a"}})

	// A renewal keeps the note.
	if _, err := identity.Anonymous(store, first, time.Now().AddDate(30, 0, 0)); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(filepath.Join(dir, "labels.json"))
	if err != nil {
		t.Fatal(err)
	}
	note(first, "/b", map[string]identity.Place{a: {Path: "/b"}, b: {Path: "/a"}})
	if after, err := os.Stat(filepath.Join(dir, "labels.json")); err != nil || !os.SameFile(before, after) {
		t.Errorf("a note that is there already was written again (%v)", err)
	}

	// Other stores keep no notes.
	memory := identity.Memory()
	if _, err := identity.Anonymous(memory, first, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := identity.NoteDatabase(memory, first, "/a"); err != nil {
		t.Fatal(err)
	}
	if got, err := identity.Places(memory); err != nil || !maps.Equal(got, map[string]identity.Place{a: {}}) {
		t.Errorf("in memory: got %v (%v)", got, err)
	}
}
