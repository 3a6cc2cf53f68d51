package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// volume mounts a small disk, if the test may do so.
func volume(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("volumes cannot be mounted here: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillDisk fills the disk of a folder.
func fillDisk(t *testing.T, dir string) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}

// A full or read-only disk is reported as such, and the database on it can still be read.
func TestADiskThatTakesNothingIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  *fault.Error
		says  string
	}{
		"full": {fillDisk, fault.IO, "the disk is full"},
		"read-only": {func(t *testing.T, dir string) {
			if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
		}, fault.NotWriteable, "the volume is read-only"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := volume(t)
			db := openAt(t, filepath.Join(dir, "x"+store.Extension), store.Options{})
			save(t, db, defaults(t, db), "milk", `{"litres":2}`)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			test.spoil(t, dir)
			_, err := store.Open(background, db.Path(), store.Options{})
			wantFault(t, err, test.want)
			if err == nil || !strings.Contains(err.Error(), test.says) || fault.HintOf(err) == "" {
				t.Errorf("got %v, hint %q; want %q", err, fault.HintOf(err), test.says)
			}
			frozen := openAt(t, db.Path(), store.Options{ReadOnly: true})
			if d := get(t, frozen, defaults(t, frozen), "milk"); d == nil || string(d.Body) != `{"litres":2}` {
				t.Errorf("read %v", d)
			}
			if test.want == fault.NotWriteable { // others may read, too
				openAt(t, db.Path(), store.Options{ReadOnly: true})
			}
			if err := frozen.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
