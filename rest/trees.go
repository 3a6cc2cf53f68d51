package rest

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"strconv"

	"github.com/tandemdb/tandem/internal/couch"
	"github.com/tandemdb/tandem/internal/document"
)

// asTrees reports whether revisions are read for a client with revision trees of its own.
func (c *call) asTrees(wanted detail) bool { return c.hasTrees() && (wanted.history || wanted.latest) }

// wantedAtOnce is how many revisions are read in one read of the database, at most.
const wantedAtOnce = 100

// eachRevision reads revisions with their ancestors, in order. The error of one that is not there is
// [tandem.ErrNotFound].
func (c *call) eachRevision(wanted []couch.Wanted, details detail, give func(i int, v shown, more [][]byte, err error) error) error {
	coll, err := c.trees()
	if err != nil {
		return err
	}
	for done := 0; done < len(wanted); {
		var some []couch.Revision
		err := c.admitted(func() error {
			some, err = coll.Revisions(c.r.Context(), wanted[done:min(done+wantedAtOnce, len(wanted))], details.latest)
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range some {
			v, more, err := c.treeRevision(wanted[done].ID, wanted[done].Rev, r, details)
			if err := give(done, v, more, err); err != nil {
				return err
			}
			done++
		}
	}
	return nil
}

// treeRevision returns a revision as answers have it, with its further members.
func (c *call) treeRevision(id, asked string, r couch.Revision, details detail) (shown, [][]byte, error) {
	v := shown{id: id, rev: r.Rev, deleted: r.Deleted, body: r.Body, attachments: true}
	if !r.Found {
		if asked == "" || c.coll == nil {
			return v, nil, notFound("missing")
		}
		kept, err := c.kept(c.r.Context(), id, asked) // of an open conflict with a peer
		if err != nil {
			return v, nil, err
		}
		kept.attachments = true
		v = kept
	}
	if asked == "" && v.deleted {
		return v, nil, notFound("deleted")
	}
	if details.attachments {
		if err := c.embed(&v); err != nil {
			return v, nil, err
		}
	}
	var more [][]byte
	if details.history && r.Found {
		more = append(more, appendPath([]byte(`"_revisions":`), r.Path))
	}
	return v, more, nil
}

// appendPath appends the revisions of a path, the newest first, as _revisions.
func appendPath(dst []byte, path []string) []byte {
	for i, rev := range path {
		generation, digest, _ := cutTree(rev) // as all are
		if i == 0 {
			dst = strconv.AppendUint(append(dst, `{"start":`...), generation, 10)
			dst = append(dst, `,"ids":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = appendString(dst, digest)
	}
	return append(dst, "]}"...)
}

// embed puts the content of the attachments into a body, as far as it fits into a document.
func (c *call) embed(v *shown) error {
	body := document.Value(withAttachments(v.body, v.rev, true))
	list := attachments(body)
	if list == nil {
		return nil
	}
	left := c.h.cfg.Limits.DocumentBytes
	var all []byte
	for key, entry := range list.Members() {
		var length int64
		_ = json.Unmarshal(entry.Member("length"), &length) // 0, if it is no number
		if length <= left {
			with, size, err := c.embedded(entry, left)
			if err != nil {
				return err
			}
			entry, left = with, left-size
		}
		all = document.AppendMember(all, key, entry)
	}
	v.body, v.listed = document.SetMember(body, attachmentsKey, document.Enclose(all, 0, '{', '}')), true
	return nil
}

// embedded returns an attachment with its content, if that has at most limit bytes.
func (c *call) embedded(entry document.Value, limit int64) (document.Value, int64, error) {
	digest := string(entry.Member("digest").Text())
	if document.CheckDigest(digest) != nil {
		return entry, 0, nil
	}
	content, err := c.db.OpenBlob(digest)
	if err != nil {
		return nil, 0, err
	}
	defer content.Close()
	data, err := io.ReadAll(io.LimitReader(content, limit+1))
	if err != nil || int64(len(data)) > limit {
		return entry, 0, err
	}
	entry = document.SetMember(document.SetMember(entry, "stub", nil), "length", nil)
	text := append(base64.StdEncoding.AppendEncode([]byte{'"'}, data), '"')
	return document.SetMember(entry, "data", text), int64(len(data)), nil
}
