package main

import (
	"crypto/sha1" //nolint:gosec // which names blobs
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tandemdb/tandem"
)

// blobFolder is the folder of --blobs. It has a file for each content, named by the digest.
type blobFolder struct {
	path string
	done map[string]bool // by digest: whether the content is in the folder
}

// newBlobFolder opens the folder, and creates it if necessary.
func newBlobFolder(path string) (*blobFolder, error) {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, err
	}
	return &blobFolder{path: path, done: make(map[string]bool)}, nil
}

// openBlobFolder opens an existing folder.
func openBlobFolder(path string) (*blobFolder, error) {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("it is not a folder")}
	}
	return &blobFolder{path: path}, err
}

// fileOf returns the file name for a digest. It is hexadecimal, since Base64 has characters that
// file names cannot have.
func (f *blobFolder) fileOf(digest string) string {
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(digest, "sha1-"))
	if err != nil {
		sum = []byte(digest) // cannot happen: the library has checked the digest
	}
	return filepath.Join(f.path, "sha1-"+hex.EncodeToString(sum))
}

// saveAll writes the blobs of a document that the folder lacks. It returns the number of blobs
// whose content the database lacks.
func (f *blobFolder) saveAll(doc *tandem.Document) (absent int, err error) {
	for _, blob := range doc.Blobs() {
		if _, met := f.done[blob.Digest()]; met {
			continue
		}
		err := f.save(blob)
		f.done[blob.Digest()] = err == nil
		switch {
		case errors.Is(err, tandem.ErrNotFound):
			absent++
		case err != nil:
			return absent, err
		}
	}
	return absent, nil
}

func (f *blobFolder) save(blob *tandem.Blob) error {
	content, err := blob.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	file := f.fileOf(blob.Digest())
	if digestOf(file) == blob.Digest() {
		return nil // written by an earlier export
	}
	return writeFile(file, 0o666, content)
}

// digestOf returns the digest of a file's content, or "" if it cannot be read.
func digestOf(file string) string {
	in, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer in.Close()
	sum := sha1.New() //nolint:gosec // as above
	if _, err := io.Copy(sum, in); err != nil {
		return ""
	}
	return "sha1-" + base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

// errNoContent reports that the folder lacks the content of a blob.
var errNoContent = errors.New("there is no such file")

// store stores the content of a blob in the database of a batch.
func (f *blobFolder) store(b *tandem.Batch, blob *tandem.Blob) error {
	name := f.fileOf(blob.Digest())
	in, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the content of blob %s: %s: %w", blob.Digest(), name, errNoContent)
	}
	if err != nil {
		return err
	}
	defer in.Close()
	if is := digestOf(name); is != blob.Digest() {
		return withHint(fmt.Errorf("the content of blob %s: %s: the file has another content, %s", blob.Digest(), name, is),
			"export the blobs anew")
	}
	_, err = b.CreateBlob(blob.ContentType(), in)
	return err
}
