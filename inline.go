package tandem

import (
	"bytes"
	"context"
	"encoding/base64"
	"strconv"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

// install stores the blobs whose content body carries, in "data" members, and returns body
// with references to them instead.
func (db *Database) install(ctx context.Context, body []byte) ([]byte, error) {
	if !mayBeInline(body) {
		return body, nil
	}
	in := installer{save: func(b *Blob) error {
		_, err := db.CreateBlob(ctx, b.contentType, bytes.NewReader(b.content))
		return err
	}}
	return in.text(body)
}

// withoutContent is install for a body whose blobs must be stored already.
func (db *Database) withoutContent(body []byte) ([]byte, error) {
	if !mayBeInline(body) {
		return body, nil
	}
	in := installer{save: func(b *Blob) error {
		if db.store.HasBlob(b.digest) {
			return nil
		}
		return fault.NotFound.Says("the content of blob %s is not stored", b.digest).
			Try("store it before the batch, with Database.CreateBlob")
	}}
	return in.text(body)
}

// mayBeInline cheaply sorts out nearly all bodies: those that have no blob with its content in
// them.
func mayBeInline(body []byte) bool { return bytes.Contains(body, []byte(`"data":"`)) }

// installer copies a body and takes the content out of its blobs.
type installer struct {
	save func(*Blob) error
	err  error // the first, which ends the work
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
	if in.err = in.save(b); in.err != nil {
		return dst
	}
	v = setMember(v, "data", nil)
	v = setMember(v, "digest", document.AppendQuoted(nil, []byte(b.digest)))
	v = setMember(v, "length", strconv.AppendInt(nil, b.length, 10))
	return append(dst, v...)
}

// isInline reports whether v is a blob that has its content in it.
func isInline(v document.Value) bool {
	return string(v.Member("@type").Text()) == "blob" && v.Member("data").Kind() == document.String
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
