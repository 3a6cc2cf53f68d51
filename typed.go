package tandem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

// GetAs reads a document as [Collection.Get] does, and decodes its body as a T. If T is a struct or
// a pointer to a struct, GetAs sets its text field with the tag `tandem:"id"` to the ID:
//
//	type Task struct {
//		ID    string `json:"-" tandem:"id"`
//		Title string `json:"title"`
//	}
//
// GetAs fails with [ErrInvalid] if a field of T has another tandem tag.
func GetAs[T any](ctx context.Context, c *Collection, id string) (v T, err error) {
	field, err := idFieldOf[T]()
	if err != nil {
		return v, err
	}
	d, err := c.Document(ctx, id)
	if err != nil {
		return v, err
	}
	return decodeAs[T](d, field)
}

// Items yields documents in the order of [Collection.Scan], decoded as values of T. It sets the ID
// as [GetAs] does. A document that does not fit T ends the sequence with an error that names the
// document.
//
//	for task, err := range tandem.Items[Task](ctx, tasks, tandem.ScanOptions{}) {
func Items[T any](ctx context.Context, c *Collection, o ScanOptions) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var v T
		field, err := idFieldOf[T]()
		if err != nil {
			yield(v, err)
			return
		}
		for d, err := range c.Scan(ctx, o) {
			var v T
			if err == nil {
				v, err = decodeAs[T](d, field)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// PutAs stores v as the document that its ID field names: see [GetAs]. If the ID is empty, PutAs
// creates a document and sets the field to the new ID. Unlike [Collection.Put], it keeps the
// members of the document that T has no field for, also in nested objects. It saves nothing if
// nothing changes. Errors are those of [Collection.Put], and [ErrInvalid] for a T without an ID
// field.
func PutAs[T any](ctx context.Context, c *Collection, v *T) (err error) {
	field, err := idFieldOf[T]()
	if err != nil {
		return err
	}
	id, err := field.get(v)
	if err != nil {
		return err
	}
	if id == "" {
		id = document.NewID()
		field.set(v, id) // before v is encoded: the ID may be a member, too
		defer func() {
			if err != nil {
				field.set(v, "")
			}
		}()
	}
	values := &Document{id: id}
	if err := values.Encode(v); err != nil {
		return err
	}
	return c.putKnown(ctx, values, knownTo[T])
}

// putKnown saves the values of a document over the members that are known.
func (c *Collection) putKnown(ctx context.Context, values *Document, known func(document.Value) bool) error {
	for {
		existing, err := c.newest(ctx, values.id)
		if err != nil {
			return err
		}
		d := &Document{id: values.id, body: values.body}
		if existing != nil {
			d.rebase(c, existing)
		}
		if existing != nil && !existing.Deleted() {
			d.body = overlay(existing.body, values.body, nil, known)
			if bytes.Equal(d.body, existing.body) {
				return nil
			}
		}
		err = c.SaveWithConcurrency(ctx, d, FailOnConflict)
		if !errors.Is(err, ErrConflict) || ctx.Err() != nil {
			return err
		}
	}
}

func decodeAs[T any](d *Document, field idField) (v T, err error) {
	if err := d.Decode(&v); err != nil {
		return v, err
	}
	field.set(&v, d.ID())
	return v, nil
}

// overlay returns the new values of an object, with those of its old members that are not known. path has the
// keys that lead to it.
func overlay(old, values document.Value, path []document.Value, known func(document.Value) bool) document.Value {
	added := make(map[string]document.Value)
	for key, value := range values.Members() {
		added[string(key.Text())] = value
	}
	var dst []byte
	for key, was := range old.Members() {
		name := string(key.Text())
		value, isSet := added[name]
		delete(added, name)
		inner := append(path[:len(path):len(path)], key)
		switch {
		case isSet && isPlainObject(was) && isPlainObject(value):
			dst = document.AppendMember(dst, key, overlay(was, value, inner, known))
		case isSet:
			dst = document.AppendMember(dst, key, value)
		case !known(probe(inner)):
			dst = document.AppendMember(dst, key, was)
		}
	}
	for key, value := range values.Members() {
		if _, isNew := added[string(key.Text())]; isNew {
			dst = document.AppendMember(dst, key, value)
		}
	}
	return document.Enclose(dst, 0, '{', '}')
}

func isPlainObject(v document.Value) bool { return v.Kind() == document.Object && !isBlobObject(v) }

// probe returns an object that has but the member at a path.
func probe(path []document.Value) document.Value {
	v := document.Value("null")
	for i := len(path) - 1; i >= 0; i-- {
		v = document.Enclose(document.AppendMember(nil, path[i], v), 0, '{', '}')
	}
	return v
}

// knownTo reports whether a T has a place for the member of a probe. What its own methods decode is known.
func knownTo[T any](probe document.Value) bool {
	strict := json.NewDecoder(bytes.NewReader(probe))
	strict.DisallowUnknownFields()
	return strict.Decode(new(T)) == nil || json.Unmarshal(probe, new(T)) != nil
}

// noIDField is the error for a type without a field for the ID.
func noIDField(typeName string) error {
	return fault.Invalid.In("save value", typeName).Says("the type has no field for the ID of the document").
		Try("add the tag `tandem:\"id\"` to a field of type string, or use Collection.Put")
}
