package tandem

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"strconv"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

// createBlob is [Database.CreateBlob] or [Batch.CreateBlob].
type createBlob func(contentType string, r io.Reader) (*Blob, error)

func (db *Database) install(ctx context.Context, body []byte) ([]byte, error) {
	return install(body, func(contentType string, r io.Reader) (*Blob, error) { return db.CreateBlob(ctx, contentType, r) })
}

// install stores the blobs whose content body carries, in "data" members, and returns body
// with references to them instead.
func install(body []byte, create createBlob) ([]byte, error) {
	if !mayBeInline(body) {
		return body, nil
	}
	in := installer{create: create}
	return in.text(body)
}

// mayBeInline cheaply sorts out nearly all bodies: those that have no blob with its content in
// them. An escape may hide the name of the member.
func mayBeInline(body []byte) bool {
	return bytes.Contains(body, []byte(`"data":"`)) || bytes.Contains(body, []byte(`\u`))
}

// installer copies a body and takes the content out of its blobs.
type installer struct {
	create createBlob
	err    error // the first, which ends the work
}

func (in *installer) text(body []byte) ([]byte, error) {
	out := in.append(make([]byte, 0, len(body)), body)
	return out, in.err
}

func (in *installer) append(dst []byte, v document.Value) []byte {
	if in.err != nil {
		return dst
	}
	switch v.Kind() {
	case document.Array:
		open := len(dst)
		for item := range v.Items() {
			dst = in.append(append(dst, ','), item)
		}
		return document.Enclose(dst, open, '[', ']')
	case document.Object:
		if isInline(v) {
			return in.appendBlob(dst, v)
		}
		open := len(dst)
		for key, value := range v.Members() {
			dst = append(append(append(dst, ','), key...), ':')
			dst = in.append(dst, value)
		}
		return document.Enclose(dst, open, '{', '}')
	default:
		return append(dst, v...)
	}
}

// appendBlob appends a blob without its content, which is saved. Other members stay.
func (in *installer) appendBlob(dst []byte, v document.Value) []byte {
	content, err := inlineContent(v)
	if err != nil {
		in.err = err
		return dst
	}
	b := NewBlob(string(v.Member("content_type").Text()), content)
	if _, in.err = in.create(b.contentType, bytes.NewReader(content)); in.err != nil {
		return dst
	}
	v = document.SetMember(v, "data", nil)
	v = document.SetMember(v, "digest", document.AppendQuoted(nil, []byte(b.digest)))
	v = document.SetMember(v, "length", strconv.AppendInt(nil, b.length, 10))
	return append(dst, v...)
}

// isInline reports whether v is a blob that has its content in it.
func isInline(v document.Value) bool {
	return isBlobObject(v) && v.Member("data").Kind() == document.String
}

// inlineContent returns that content. A digest beside it must be the right one.
func inlineContent(v document.Value) ([]byte, error) {
	content, err := base64.StdEncoding.AppendDecode([]byte{}, v.Member("data").Text())
	if err != nil {
		return nil, fault.Invalid.Says("the data of a blob is not Base64").Because(err)
	}
	digest := v.Member("digest")
	if is := NewBlob("", content).digest; digest != nil && string(digest.Text()) != is {
		return nil, fault.CorruptData.Says("the data of a blob has digest %s, not %s", is, digest)
	}
	return content, nil
}
