package document

import (
	"encoding/base64"
	"mime"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// Blob is a body's reference to binary content.
type Blob struct {
	Digest      string // "sha1-" and the base64 of the content's SHA-1
	Length      int64  // bytes; -1 if the reference has no length
	ContentType string // a media type, or ""
	Pointer     string // the reference's place in the body, as a JSON pointer (RFC 6901)
}

const (
	digestPrefix = "sha1-"
	digestLen    = len(digestPrefix) + 28
)

// ParseDigest returns the SHA-1 in a blob's digest. The error is [fault.CorruptData].
func ParseDigest(digest string) (sum [20]byte, err error) {
	if len(digest) == digestLen && strings.HasPrefix(digest, digestPrefix) {
		var b []byte
		b, err = base64.StdEncoding.Strict().DecodeString(digest[len(digestPrefix):])
		if err == nil && len(b) == len(sum) {
			return [20]byte(b), nil
		}
	}
	return sum, fault.CorruptData.Says("malformed blob digest %.80q: want sha1- and 28 characters of base64", digest)
}

// CheckDigest reports why digest is not a blob's digest: see [ParseDigest].
func CheckDigest(digest string) error {
	_, err := ParseDigest(digest)
	return err
}

// Digest returns the digest of a blob whose content has the SHA-1 sum.
func Digest(sum [20]byte) string {
	return digestPrefix + base64.StdEncoding.EncodeToString(sum[:])
}

// Blobs returns the blobs of body in the order of their places, and then the attachments that only
// Sync Gateway's _attachments names. The same content may occur several times. Errors are those of
// [Check].
func Blobs(body []byte) ([]Blob, error) {
	compact, info, err := Compact(body)
	if err != nil || !info.HasBlobs && !info.HasAttachments {
		return nil, err
	}
	var all []Blob
	eachBlob(compact, func(pointer string, v Value) {
		all = append(all, blobOf(v, pointer))
	})
	for key, entry := range Value(compact).Member(attachmentsKey).Members() {
		if b := blobOf(entry, "/"+attachmentsKey+escapePointer(key.Text())); CheckDigest(b.Digest) == nil {
			all = append(all, b)
		}
	}
	return all, nil
}

func blobOf(v Value, pointer string) Blob {
	b := Blob{
		Digest:      string(v.Member("digest").Text()),
		Length:      -1,
		ContentType: string(v.Member("content_type").Text()),
		Pointer:     pointer,
	}
	if n, err := strconv.ParseInt(string(v.Member("length")), 10, 64); err == nil && n >= 0 {
		b.Length = n
	}
	return b
}

// eachBlob visits the blobs of a document outside its reserved members.
func eachBlob(document Value, visit func(pointer string, blob Value)) {
	for key, value := range document.Members() {
		if name := key.Text(); !isReserved(name) {
			walkBlobs(value, escapePointer(name), visit)
		}
	}
}

func walkBlobs(v Value, pointer string, visit func(pointer string, blob Value)) {
	switch v.Kind() {
	case Array:
		i := 0
		for item := range v.Items() {
			if item.isContainer() {
				walkBlobs(item, pointer+"/"+strconv.Itoa(i), visit)
			}
			i++
		}
	case Object:
		if v.isBlob() {
			visit(pointer, v)
			return
		}
		for key, value := range v.Members() {
			if value.isContainer() {
				walkBlobs(value, pointer+escapePointer(key.Text()), visit)
			}
		}
	default: // has no parts
	}
}

func (v Value) isContainer() bool { return v.Kind() >= Array }

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// escapePointer returns name as one step of a JSON pointer.
func escapePointer(name []byte) string { return "/" + pointerEscapes.Replace(string(name)) }

// isBlob reports whether v is a reference to stored content.
func (v Value) isBlob() bool {
	var test blobTest
	for key, value := range v.Members() {
		test.see(key.Text(), value)
	}
	return test.passed()
}

// blobTest decides whether an object is a blob, from its members in any order.
type blobTest struct{ typed, digested, encryptable bool }

func (t *blobTest) see(name, value []byte) {
	switch string(name) {
	case "@type":
		text := string(Value(value).Text())
		t.typed, t.encryptable = text == "blob", text == encryptable
	case "digest":
		t.digested = CheckDigest(string(Value(value).Text())) == nil
	}
}

func (t *blobTest) passed() bool { return t.typed && t.digested }

// Compressible reports whether content of the media type is worth compressing in transit. Media
// types of compressed formats are not; "" is.
func Compressible(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = strings.ToLower(contentType)
	}
	for _, packed := range []string{"image/", "audio/", "video/"} {
		if strings.HasPrefix(media, packed) {
			return media == "image/svg+xml"
		}
	}
	for _, packed := range []string{"zip", "compressed", "7z", "zstd", "rar"} {
		if strings.Contains(media, packed) {
			return false
		}
	}
	return true
}
