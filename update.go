package tandem

import (
	"bytes"
	"context"
	"errors"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

// Update reads the document with an ID, calls change, and saves the result. If another writer
// changes the document meanwhile, Update starts over with the new content: change may be called
// several times, and should only change its argument. Nothing is saved if change alters nothing.
//
// Update fails with [ErrNotFound] if there is no such document. An error of change is returned,
// and nothing is saved. Other errors are those of [Collection.Save].
func (c *Collection) Update(ctx context.Context, id string, change func(d *Document) error) error {
	for {
		d, err := c.Document(ctx, id)
		if err != nil {
			return err
		}
		before := d.body
		if err := change(d); err != nil {
			return err
		}
		if bytes.Equal(d.body, before) {
			return nil
		}
		err = c.SaveWithConcurrency(ctx, d, FailOnConflict)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// Merge changes the document with an ID by a patch, a struct or a map: [Document.Merge] within
// [Collection.Update].
func (c *Collection) Merge(ctx context.Context, id string, patch any) error {
	return c.Update(ctx, id, func(d *Document) error { return d.Merge(patch) })
}

// Update is [Collection.Update], and calls change once: nobody else can write meanwhile.
func (b *Batch) Update(c *Collection, id string, change func(d *Document) error) error {
	d, err := b.Document(c, id)
	if err != nil {
		return err
	}
	before := d.body
	if err := change(d); err != nil || bytes.Equal(d.body, before) {
		return err
	}
	return b.Save(c, d)
}

// Merge is [Collection.Merge].
func (b *Batch) Merge(c *Collection, id string, patch any) error {
	return b.Update(c, id, func(d *Document) error { return d.Merge(patch) })
}

// Merge changes the members that patch has, a struct or a map, and keeps all others, also those that
// the struct does not know. It is a merge patch (RFC 7386): objects are merged member by member,
// anything else is replaced, and null removes a member. A blob is replaced as a whole. Fields of a struct that
// are left out of its JSON (omitempty) change nothing. Errors are those of [Document.Encode].
func (d *Document) Merge(patch any) error {
	text, err := encode(patch)
	if err != nil {
		return fault.About(err, "merge document", d.id)
	}
	if text[0] != '{' {
		return fault.CorruptRevision.In("merge document", d.id).Says("a patch of type %T is no JSON object", patch).
			Try("give a struct or a map that is not nil; JSON text goes in as a json.RawMessage")
	}
	compact, _, err := document.Compact(text)
	if err != nil {
		return fault.About(err, "merge document", d.id)
	}
	return d.SetBody(mergePatch(d.body, compact))
}

// mergePatch returns target with a patch applied, which is compact and has no key twice.
func mergePatch(target, patch document.Value) document.Value {
	if patch.Kind() != document.Object || isBlobObject(patch) {
		return patch
	}
	if target.Kind() != document.Object || isBlobObject(target) {
		target = document.Value("{}")
	}
	changes := make(map[string]document.Value)
	for key, value := range patch.Members() {
		changes[string(key.Text())] = value
	}
	dst := make([]byte, 0, len(target)+len(patch))
	for key, old := range target.Members() {
		name := string(key.Text())
		change, changed := changes[name]
		delete(changes, name)
		switch {
		case !changed:
			dst = document.AppendMember(dst, key, old)
		case change.Kind() != document.Null:
			dst = document.AppendMember(dst, key, mergePatch(old, change))
		}
	}
	for key, value := range patch.Members() {
		if _, isNew := changes[string(key.Text())]; isNew && value.Kind() != document.Null {
			dst = document.AppendMember(dst, key, mergePatch(nil, value))
		}
	}
	return document.Enclose(dst, 0, '{', '}')
}
