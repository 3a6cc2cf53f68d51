package tandem

import (
	"reflect"

	"github.com/tandemdb/tandem/internal/fault"
)

// tagName is the key of our tags of struct fields.
const tagName = "tandem"

// idField is the place of the document's ID in a type. The zero value means that the type has none.
type idField struct {
	in    reflect.Type
	index []int // of the field
}

// idFieldOf finds the field of a T, a struct or a pointer to one, by its tag.
func idFieldOf[T any]() (idField, error) {
	t := reflect.TypeFor[T]()
	f := idField{in: t}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return f, nil
	}
	for _, field := range reflect.VisibleFields(t) {
		tag, tagged := field.Tag.Lookup(tagName)
		if !tagged {
			continue
		}
		wrong := fault.Invalid.In("use type", t.String())
		switch {
		case tag != "id":
			return f, wrong.Says("the tag of the field %s is %q, want %q", field.Name, tag, "id")
		case field.Type.Kind() != reflect.String || !field.IsExported():
			return f, wrong.Says("the field %s has a tag for the ID, but is no exported text", field.Name)
		case throughPointer(t, field.Index):
			return f, wrong.Says("the field %s has a tag for the ID, but is behind an embedded pointer", field.Name)
		case f.index != nil:
			return f, wrong.Says("several fields have the tag for the ID, such as %s", field.Name)
		}
		f.index = field.Index
	}
	return f, nil
}

// throughPointer reports whether a field is in a struct that need not be there.
func throughPointer(t reflect.Type, index []int) bool {
	for ; len(index) > 1; index = index[1:] {
		if t = t.Field(index[0]).Type; t.Kind() == reflect.Pointer {
			return true
		}
	}
	return false
}

// get returns the ID that is in what v points to.
func (f idField) get(v any) (string, error) {
	if f.index == nil {
		return "", noIDField(f.in.String())
	}
	s, there := structIn(v)
	if !there {
		return "", fault.Invalid.In("save value", f.in.String()).Says("the pointer is nil")
	}
	return s.FieldByIndex(f.index).String(), nil
}

// set stores the ID in what v points to, if that has a place for it.
func (f idField) set(v any, id string) {
	if s, there := structIn(v); there && f.index != nil {
		s.FieldByIndex(f.index).SetString(id)
	}
}

// structIn follows pointers; false means that one is nil.
func structIn(v any) (s reflect.Value, there bool) {
	s = reflect.ValueOf(v)
	for s.Kind() == reflect.Pointer {
		if s.IsNil() {
			return s, false
		}
		s = s.Elem()
	}
	return s, true
}
