package rest

import (
	"bytes"
	"crypto/md5" //nolint:gosec // as CouchDB does
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/document"
)

// attachmentsKey is the member that lists attachments in CouchDB and Sync Gateway.
const attachmentsKey = "_attachments"

// attachments returns the attachments that a stored body has besides its blobs: those of other names.
func attachments(body document.Value) document.Value { return body.Member(attachmentsKey) }

// withAttachments returns a stored body with a list of its attachments, where each blob is one, or
// without it.
func withAttachments(body []byte, rev string, show bool) []byte {
	if !show && bytes.Contains(body, []byte(attachmentsKey)) {
		return document.SetMember(body, attachmentsKey, nil)
	}
	if show {
		generation, _, isTree := cutTree(rev)
		if !isTree {
			generation = 1 // clients want a number
		}
		if with, err := document.WithAttachments(body, generation); err == nil { // a stored body is valid
			return untyped(with)
		}
	}
	return body
}

// untyped returns a body whose attachments have no @type: in the database it makes some of them blobs.
func untyped(body document.Value) document.Value {
	list := attachments(body)
	if list == nil {
		return body
	}
	var plain []byte
	for key, entry := range list.Members() {
		plain = document.AppendMember(plain, key, document.SetMember(entry, "@type", nil))
	}
	return document.SetMember(body, attachmentsKey, document.Enclose(plain, 0, '{', '}'))
}

// takeAttachments turns the attachments in a body from a client into blobs: the content of a new one
// stays in the body, in the form that is taken out when the document is saved. generation is that of a
// revision whose attachments all come with their content, 0 for others.
func takeAttachments(body document.Value, generation uint64) (document.Value, error) {
	list := attachments(body)
	if list.Kind() != document.Object {
		return nil, refuse(http.StatusBadRequest, "the member %s is no object", attachmentsKey)
	}
	body = document.SetMember(body, attachmentsKey, nil)
	var kept []byte
	places := 0
	for key, entry := range list.Members() {
		p := placeOf(string(key.Text()))
		isNew := entry.Member("data").Kind() == document.String
		if isNew {
			var err error
			if entry, err = withoutMD5(key, entry); err != nil {
				return nil, err
			}
		}
		if !isNew && document.CheckDigest(string(entry.Member("digest").Text())) != nil {
			return nil, refuse(http.StatusBadRequest, "the attachment %.100s has neither data nor a digest", key.Text())
		}
		if p.attachment {
			if places++; places*len(body) > maxPlaceWork {
				return nil, refuse(http.StatusRequestEntityTooLarge, "the document has too many attachments for its size")
			}
		}
		switch {
		case isNew && p.attachment && p.in(body) == nil && isOlder(entry, generation): // its blob was removed
		case isNew && p.attachment:
			var err error
			if body, err = p.set(body, document.SetMember(inlineBlob(entry), "revpos", nil)); err != nil {
				return nil, err
			}
		case isNew:
			kept = document.AppendMember(kept, key, document.SetMember(inlineBlob(entry), "stub", document.Value("true")))
		case !p.attachment || p.in(body) != nil: // else its blob was removed
			kept = document.AppendMember(kept, key, entry)
		}
	}
	if kept != nil {
		body = document.SetMember(body, attachmentsKey, document.Enclose(kept, 0, '{', '}'))
	}
	clean, _, err := document.FromGateway(body)
	return clean, err
}

// maxPlaceWork bounds the bytes that are looked through for the places of the attachments of one document.
const maxPlaceWork = 256 << 20

// inlineBlob returns an attachment with its content as the blob that is taken out when the document is saved.
func inlineBlob(entry document.Value) document.Value {
	return document.SetMember(document.SetMember(entry, "@type", document.Value(`"blob"`)), "stub", nil)
}

// md5Prefix begins the digests that CouchDB and PouchDB give attachments.
const md5Prefix = "md5-"

// withoutMD5 returns an attachment with its content without the digest of a client of CouchDB, which has to
// be the content's.
func withoutMD5(name, entry document.Value) (document.Value, error) {
	given := string(entry.Member("digest").Text())
	if !strings.HasPrefix(given, md5Prefix) {
		return entry, nil
	}
	content, err := base64.StdEncoding.AppendDecode(nil, entry.Member("data").Text())
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the data of the attachment %.100s is not Base64", name.Text())
	}
	sum := md5.Sum(content) //nolint:gosec // CouchDB names attachments so
	if is := md5Prefix + base64.StdEncoding.EncodeToString(sum[:]); is != given {
		return nil, refuse(http.StatusBadRequest, "the data of the attachment %.100s has the digest %s, not %.80s", name.Text(), is, given)
	}
	return document.SetMember(entry, "digest", nil), nil
}

// isOlder reports whether an attachment was added before a generation.
func isOlder(entry document.Value, generation uint64) bool {
	added, err := strconv.ParseUint(string(entry.Member("revpos")), 10, 63)
	return err == nil && added < generation
}
