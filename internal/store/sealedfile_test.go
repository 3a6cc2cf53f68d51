package store_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/ncruces/go-sqlite3/vfs"
	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/seal"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// memoryFile is a file in memory for SQLite.
type memoryFile struct {
	vfs.File
	content []byte
}

func (f *memoryFile) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(f.content).ReadAt(p, off)
}

func (f *memoryFile) WriteAt(p []byte, off int64) (int, error) {
	if grow := int(off) + len(p) - len(f.content); grow > 0 {
		f.content = append(f.content, make([]byte, grow)...)
	}
	return copy(f.content[off:], p), nil
}

func (f *memoryFile) Truncate(size int64) error {
	f.content = f.content[:min(size, int64(len(f.content)))]
	return nil
}

// TestASealedFileReadsAsItWasWritten writes at any offset and of any length, as SQLite does to its
// log, and compares with a plain file.
func TestASealedFileReadsAsItWasWritten(t *testing.T) {
	keys := seal.NewKeys()
	testsize.Check(t, func(t *rapid.T) {
		below, plain := &memoryFile{}, &memoryFile{}
		file := store.SealedFile(below, keys)
		for range rapid.IntRange(1, 20).Draw(t, "writes") {
			off := rapid.IntRange(0, len(plain.content)).Draw(t, "offset")
			text := bytes.Repeat([]byte{rapid.Byte().Draw(t, "text")}, rapid.IntRange(1, 3000).Draw(t, "length"))
			for _, f := range []vfs.File{file, plain} {
				if n, err := f.WriteAt(text, int64(off)); n != len(text) || err != nil {
					t.Fatalf("wrote %d of %d bytes: %v", n, len(text), err)
				}
			}
			off = rapid.IntRange(0, len(plain.content)-1).Draw(t, "read at")
			got := make([]byte, rapid.IntRange(1, len(plain.content)-off).Draw(t, "size"))
			if n, err := file.ReadAt(got, int64(off)); n != len(got) || err != nil && !errors.Is(err, io.EOF) {
				t.Fatalf("read %d of %d bytes: %v", n, len(got), err)
			}
			if !bytes.Equal(got, plain.content[off:off+len(got)]) {
				t.Fatalf("%d bytes at %d are others", len(got), off)
			}
		}
		if len(below.content)%seal.SectorSize != 0 {
			t.Errorf("the file has %d bytes, want whole sectors", len(below.content))
		}
	})
}

func TestASectorThatWasCutOffIsNotThere(t *testing.T) {
	below := &memoryFile{}
	file := store.SealedFile(below, seal.NewKeys())
	if _, err := file.WriteAt(make([]byte, 3*seal.SectorSize), 0); err != nil {
		t.Fatal(err)
	}
	below.content = below.content[:len(below.content)-100]
	got := make([]byte, 3*seal.SectorSize)
	if n, err := file.ReadAt(got, 0); n != 2*seal.SectorSize || !errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes, %v, want %d and the end", n, err, 2*seal.SectorSize)
	}
	if n, err := file.ReadAt(got, 10*seal.SectorSize); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("beyond the end: read %d bytes, %v", n, err)
	}
}
