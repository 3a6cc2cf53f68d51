package tandem

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the protocol names blobs so
	"encoding/base64"
	"errors"
	"io"
	"strconv"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// Blob refers to binary content, which is stored beside the documents, once for any number of
// references. A Blob is immutable. The zero Blob refers to nothing.
//
// In a document a blob is an object with "@type" "blob", the digest, the length and the
// content type. A Blob has that form in JSON, so it may be a field of a
// struct that is given to [Document.Encode] and [Document.Decode].
type Blob struct {
	digest      string // "" for a zero Blob
	length      int64
	contentType string

	content []byte    // of one that may not be stored yet; nil if it is
	db      *Database // that has the content; nil if that is not known
}

// NewBlob returns a blob with the given content, which the caller must not change afterwards.
// Saving a document with the blob stores the content. contentType is a media type, or "". For
// content that does not fit in memory use [Database.CreateBlob].
func NewBlob(contentType string, content []byte) *Blob {
	if content == nil {
		content = []byte{}
	}
	return &Blob{
		digest:      document.Digest(sha1.Sum(content)), //nolint:gosec // as above
		length:      int64(len(content)),
		contentType: contentType,
		content:     content,
	}
}

// CreateBlob reads r to its end, stores the content, and returns the blob. Save a document that
// refers to the blob within a day: after that [Database.Compact] removes unused content.
func (db *Database) CreateBlob(ctx context.Context, contentType string, r io.Reader) (*Blob, error) {
	b, err := db.toChange(ctx, "create blob")
	switch {
	case err != nil:
		return nil, err
	case b != nil:
		return b.CreateBlob(contentType, r)
	}
	return db.createBlob(ctx, contentType, r, func(w *store.BlobWriter) (string, int64, error) { return w.Commit(ctx, "") })
}

func (db *Database) createBlob(
	ctx context.Context, contentType string, r io.Reader, commit func(*store.BlobWriter) (digest string, length int64, err error),
) (*Blob, error) {
	w, err := db.store.BlobWriter(ctx)
	if err != nil {
		return nil, err
	}
	defer w.Abort() // harmless after Commit
	if _, err := io.Copy(w, store.ReaderUntil(ctx, r)); err != nil {
		return nil, readFault(err)
	}
	digest, length, err := commit(w)
	if err != nil {
		return nil, err
	}
	return &Blob{digest: digest, length: length, contentType: contentType, db: db}, nil
}

// readFault classifies an error of a user's reader; those of the store are typed already.
func readFault(err error) error {
	if fault.Of(err) != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fault.IO.In("read content of blob", "").Says("the source failed").Because(err)
}

// OpenBlob opens the content of the blob with the given digest. The caller closes it. It fails
// with [ErrNotFound] if the content is not here, and with [ErrInvalid] for a malformed digest.
func (db *Database) OpenBlob(digest string) (io.ReadSeekCloser, error) {
	return openStored(db.store, digest)
}

func openStored(db *store.DB, digest string) (io.ReadSeekCloser, error) {
	b, err := db.OpenBlob(digest)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Digest returns the name of the content: "sha1-" and the Base64 of its SHA-1. It is "" for a
// zero Blob.
func (b *Blob) Digest() string { return b.digest }

// Length returns the number of bytes, -1 if the document does not say.
func (b *Blob) Length() int64 { return b.length }

// ContentType returns the media type, "" if it is not known.
func (b *Blob) ContentType() string { return b.contentType }

// Open opens the content for reading. The caller closes it. It fails with [ErrNotFound] if the
// database lacks the content, or if b is nil or zero. It fails with [ErrInvalid] if b was
// decoded by other means than [Document.Decode] and [Collection.Get]: such a blob knows no
// database, so pass its digest to [Database.OpenBlob].
func (b *Blob) Open() (io.ReadSeekCloser, error) {
	switch {
	case b.isZero():
		return nil, fault.NotFound.In("read blob", "").Says("there is no blob")
	case b.content != nil:
		return unclosed{bytes.NewReader(b.content)}, nil
	case b.db == nil:
		return nil, fault.Invalid.In("read blob", b.digest).Says("the blob knows no database").
			Try("open it by its digest with Database.OpenBlob, or get it with Document.Blob")
	}
	return b.db.OpenBlob(b.digest)
}

type unclosed struct{ *bytes.Reader }

func (unclosed) Close() error { return nil }

// Content reads the whole content into memory. Errors are those of [Blob.Open].
func (b *Blob) Content() ([]byte, error) {
	r, err := b.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, fault.IO.In("read blob", b.digest).Because(err)
	}
	return content, nil
}

func (b *Blob) isZero() bool { return b == nil || b.digest == "" }

// MarshalJSON returns the form that a blob has in a document. Before the content is stored, the
// JSON contains the content, and saving the document moves it to the database. A zero Blob is null.
func (b Blob) MarshalJSON() ([]byte, error) {
	if b.isZero() {
		return []byte("null"), nil
	}
	dst := []byte(`{"@type":"blob","digest":`)
	dst = document.AppendQuoted(dst, []byte(b.digest))
	if b.length >= 0 {
		dst = strconv.AppendInt(append(dst, `,"length":`...), b.length, 10)
	}
	if b.contentType != "" {
		dst = document.AppendQuoted(append(dst, `,"content_type":`...), []byte(b.contentType))
	}
	if b.content != nil {
		dst = append(dst, `,"data":"`...)
		dst = append(base64.StdEncoding.AppendEncode(dst, b.content), '"')
	}
	return append(dst, '}'), nil
}

// UnmarshalJSON reads the form that a blob has in a document, or null, which is the zero Blob.
// Anything else is [ErrInvalid].
func (b *Blob) UnmarshalJSON(text []byte) error {
	value, err := document.ParseValue(text, 0)
	if err != nil {
		return err
	}
	*b, err = parseBlob(value)
	return err
}

// parseBlob reads a blob from JSON; null and nil give the zero Blob.
func parseBlob(v document.Value) (b Blob, err error) {
	if v.Kind() == document.None || v.Kind() == document.Null {
		return Blob{}, nil
	}
	if !isBlobObject(v) {
		return Blob{}, fault.Invalid.Says("the value is no blob").Try(`a blob is an object with "@type":"blob"`)
	}
	contentType := string(v.Member("content_type").Text())
	if isInline(v) {
		content, err := inlineContent(v)
		if err != nil {
			return Blob{}, err
		}
		return *NewBlob(contentType, content), nil
	}
	b = Blob{digest: string(v.Member("digest").Text()), length: -1, contentType: contentType}
	if document.CheckDigest(b.digest) != nil {
		return Blob{}, fault.Invalid.Says("the blob has no valid digest")
	}
	if n, err := strconv.ParseInt(string(v.Member("length")), 10, 64); err == nil && n >= 0 {
		b.length = n
	}
	return b, nil
}

// isBlobObject reports whether v has the type of a blob, with its content in it or referred to.
func isBlobObject(v document.Value) bool { return string(v.Member("@type").Text()) == "blob" }
