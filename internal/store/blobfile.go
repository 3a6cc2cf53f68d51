package store

import (
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/seal"
)

// blobKey is the SHA-1 of a blob's content.
type blobKey [20]byte

// The endings of the files in the blob folder. Names are hexadecimal: Base64 tells upper case from
// lower case, and some file systems do not.
const (
	blobSuffix = ".blob"
	partSuffix = ".part" // not complete yet
)

// blobs is the folder of blob files, and the one place where they are opened.
type blobs struct {
	dir   string
	keys  *seal.Keys // nil where blobs are not encrypted; changes while nobody uses the database
	files files
}

func newBlobs(dir string, keys *seal.Keys, disk Disk) *blobs {
	return &blobs{dir: dir, keys: keys, files: files{disk}}
}

func (b *blobs) path(key blobKey) string {
	return filepath.Join(b.dir, b.name(key).file())
}

// blobName is the stem of a blob's file name: the blob's key, or a keyed hash of it in an encrypted
// database. A plain digest would tell a thief of the folder which known contents it holds.
type blobName [seal.NameSize]byte

func (b *blobs) name(key blobKey) blobName {
	if b.keys == nil {
		return blobName(key)
	}
	return blobName(b.keys.Name(key[:]))
}

func (n blobName) file() string { return hex.EncodeToString(n[:]) + blobSuffix }

// keyOf parses a digest; ok is false for other text.
func keyOf(digest string) (key blobKey, ok bool) {
	sum, err := document.ParseDigest(digest)
	return sum, err == nil
}

// nameOfFile parses a file name of the blob folder; ok is false for other names.
func nameOfFile(file string) (name blobName, ok bool) {
	text, isBlob := strings.CutSuffix(file, blobSuffix)
	if !isBlob || len(text) != hex.EncodedLen(len(name)) {
		return name, false
	}
	_, err := hex.Decode(name[:], []byte(text))
	return name, err == nil
}

// open opens the content of a blob.
func (b *blobs) open(key blobKey) (*Blob, error) {
	file, err := os.Open(b.path(key))
	if err != nil {
		return nil, err
	}
	blob, err := b.read(file, key)
	if err != nil {
		_ = file.Close() // nothing was written to it
		return nil, err
	}
	return blob, nil
}

func (b *blobs) read(file *os.File, key blobKey) (*Blob, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if b.keys == nil {
		return &Blob{ReadSeekCloser: file, Size: info.Size(), unuse: func() {}}, nil
	}
	text, err := b.keys.NewReader(file, info.Size(), key[:])
	if err != nil {
		return nil, err
	}
	return &Blob{ReadSeekCloser: sealedContent{text, file}, Size: text.Size(), unuse: func() {}}, nil
}

// sealedContent is the content of an encrypted blob.
type sealedContent struct {
	*seal.Reader
	io.Closer
}

// create makes a new file for content whose digest is not known yet.
func (b *blobs) create() (*os.File, error) {
	file, err := b.files.createPart(b.dir, "")
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	// Somebody tidied the empty folder away, or a power cut lost it.
	if err := errors.Join(b.files.makeFolder(b.dir), b.files.syncFolder(filepath.Dir(b.dir))); err != nil {
		return nil, err
	}
	return b.files.createPart(b.dir, "")
}

func (b *blobs) has(key blobKey) bool {
	info, err := os.Stat(b.path(key))
	return err == nil && info.Mode().IsRegular()
}

// adopt gives a complete file its name, or removes it if the database has the content already.
func (b *blobs) adopt(part string, key blobKey) error {
	if b.has(key) {
		return b.files.remove(part)
	}
	return b.files.rename(part, b.path(key))
}

func (b *blobs) remove(name blobName) error {
	return b.files.remove(filepath.Join(b.dir, name.file()))
}

// syncNames makes the names of all blobs durable. Each content became durable before it got its
// name.
func (b *blobs) syncNames() error {
	err := b.files.syncFolder(b.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no blob was ever stored
	}
	return fileFault(err, "sync folder", b.dir)
}

// complete makes the content of a finished file durable and closes the file. The file gets its name
// only afterwards, so that every named blob is whole after a power cut.
func (b *blobs) complete(part *os.File) error {
	return errors.Join(b.files.sync(part), part.Close())
}
