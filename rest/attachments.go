package rest

import (
	"bytes"
	"net/http"

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
	plain := list
	for key, entry := range list.Members() {
		plain = document.SetMember(plain, string(key.Text()), document.SetMember(entry, "@type", nil))
	}
	return document.SetMember(body, attachmentsKey, plain)
}

// takeAttachments turns the attachments in a body from a client into blobs: the content of a new one
// stays in the body, in the form that is taken out when the document is saved.
func takeAttachments(body document.Value) (document.Value, error) {
	list := attachments(body)
	if list.Kind() != document.Object {
		return nil, refuse(http.StatusBadRequest, "the member %s is no object", attachmentsKey)
	}
	for key, entry := range list.Members() {
		name := string(key.Text())
		var err error
		switch p := placeOf(name); {
		case entry.Member("data").Kind() == document.String:
			inline := document.SetMember(document.SetMember(entry, "@type", document.Value(`"blob"`)), "stub", nil)
			if !p.attachment {
				list = document.SetMember(list, name, document.SetMember(inline, "stub", document.Value("true")))
				break
			}
			list = document.SetMember(list, name, nil)
			body, err = p.set(body, document.SetMember(inline, "revpos", nil))
		case document.CheckDigest(string(entry.Member("digest").Text())) != nil:
			err = refuse(http.StatusBadRequest, "the attachment %.100s has neither data nor a digest", name)
		case p.attachment && p.in(body) == nil: // its blob was removed
			list = document.SetMember(list, name, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	if string(list) == "{}" {
		list = nil
	}
	clean, _, err := document.FromGateway(document.SetMember(body, attachmentsKey, list))
	return clean, err
}
