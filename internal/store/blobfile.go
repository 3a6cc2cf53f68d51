package store

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/tandemdb/tandem/internal/document"
)

// blobKey is the SHA-1 of a blob's content.
type blobKey [20]byte

// The endings of the files in the blob folder. Names are in hexadecimal, because Base64
// differs by case and some file systems do not.
const (
	blobSuffix = ".blob"
	partSuffix = ".part" // not complete yet
)

// maxUnsynced bounds how many blobs wait for a sync; further ones are synced one by one.
const maxUnsynced = 4096

// blobs is the folder of blob files, and the one place where they are opened.
type blobs struct {
	dir  string
	disk Disk // nil for none

	mu       sync.Mutex // guards the following
	unsynced map[blobKey]struct{}
}

func newBlobs(dir string, disk Disk) *blobs {
	return &blobs{dir: dir, disk: disk, unsynced: make(map[blobKey]struct{})}
}

func (b *blobs) path(key blobKey) string {
	return filepath.Join(b.dir, hex.EncodeToString(key[:])+blobSuffix)
}

// keyOf reads a digest; ok is false for text that is none.
func keyOf(digest string) (key blobKey, ok bool) {
	sum, err := document.ParseDigest(digest)
	return sum, err == nil
}

// keyOfFile reads a file name of the blob folder.
func keyOfFile(name string) (key blobKey, ok bool) {
	text, isBlob := strings.CutSuffix(name, blobSuffix)
	if !isBlob || len(text) != hex.EncodedLen(len(key)) {
		return key, false
	}
	_, err := hex.Decode(key[:], []byte(text))
	return key, err == nil
}

func (b *blobs) open(key blobKey) (*os.File, error) { return os.Open(b.path(key)) }

// create makes a new file for content whose digest is not known yet.
func (b *blobs) create() (*os.File, error) {
	if err := b.step(StepCreate, b.dir); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(b.dir, "*"+partSuffix)
	if errors.Is(err, fs.ErrNotExist) { // somebody tidied up an empty folder
		if err := os.MkdirAll(b.dir, 0o700); err != nil {
			return nil, err
		}
		file, err = os.CreateTemp(b.dir, "*"+partSuffix)
	}
	return file, err
}

func (b *blobs) has(key blobKey) bool {
	info, err := os.Stat(b.path(key))
	return err == nil && info.Mode().IsRegular()
}

// adopt gives a complete file its name. Where the content is here already, the file goes.
func (b *blobs) adopt(part string, key blobKey) error {
	if b.has(key) {
		return os.Remove(part)
	}
	if err := b.step(StepRename, b.path(key)); err != nil {
		return err
	}
	return os.Rename(part, b.path(key))
}

func (b *blobs) remove(key blobKey) error {
	if err := b.step(StepRemove, b.path(key)); err != nil {
		return err
	}
	return os.Remove(b.path(key))
}

// written notes that a blob may not have reached the disk.
func (b *blobs) written(key blobKey) error {
	b.mu.Lock()
	full := len(b.unsynced) >= maxUnsynced
	if !full {
		b.unsynced[key] = struct{}{}
	}
	b.mu.Unlock()
	if full {
		return b.syncAll(map[blobKey]struct{}{key: {}})
	}
	return nil
}

// sync makes every blob that was noted durable.
func (b *blobs) sync() error {
	b.mu.Lock()
	keys := b.unsynced
	b.unsynced = make(map[blobKey]struct{})
	b.mu.Unlock()
	if len(keys) == 0 {
		return nil
	}
	err := b.syncAll(keys)
	if err != nil {
		b.mu.Lock()
		for key := range keys {
			b.unsynced[key] = struct{}{}
		}
		b.mu.Unlock()
	}
	return err
}

func (b *blobs) syncAll(keys map[blobKey]struct{}) error {
	for key := range keys {
		err := b.syncOne(key)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a blob nobody refers to may be gone
			return fileFault(err, "sync blob", document.Digest(key))
		}
	}
	if err := b.step(StepSyncFolder, b.dir); err != nil {
		return fileFault(err, "sync folder", b.dir)
	}
	return fileFault(syncFolder(b.dir), "sync folder", b.dir)
}

func (b *blobs) syncOne(key blobKey) error {
	if err := b.step(StepSync, b.path(key)); err != nil {
		return err
	}
	return syncFile(b.path(key))
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// syncFolder makes the names in a folder durable. Windows has no such thing.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
