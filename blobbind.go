package tandem

import (
	"bytes"
	"reflect"
)

// mayHaveBlobs reports false for most bodies without blobs, at little cost.
func mayHaveBlobs(body []byte) bool {
	return bytes.Contains(body, []byte(`"digest":`)) || bytes.Contains(body, []byte(`\u`)) // which may hide the name
}

// bindBlobs sets the database that has the content of each blob in the freshly decoded value v:
// their JSON does not name it.
func bindBlobs(v any, db *Database) {
	b := blobBinder{db: db, met: make(map[uintptr]bool)}
	b.walk(reflect.ValueOf(v))
}

type blobBinder struct {
	db  *Database
	met map[uintptr]bool // pointers: a value that was there before may lead back to itself
}

func (b *blobBinder) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && !b.met[v.Pointer()] {
			b.met[v.Pointer()] = true
			b.walk(v.Elem())
		}
	case reflect.Interface:
		b.walk(v.Elem())
	case reflect.Struct:
		b.walkStruct(v)
	case reflect.Array, reflect.Slice:
		if isScalar(v.Type().Elem().Kind()) {
			return // a long []byte, for example
		}
		for i := range v.Len() {
			b.walk(v.Index(i))
		}
	case reflect.Map:
		b.walkMap(v)
	default: // nothing is in it
	}
}

func (b *blobBinder) walkStruct(v reflect.Value) {
	if v.Type() == reflect.TypeFor[Blob]() {
		if v.CanAddr() && v.CanInterface() {
			v.Addr().Interface().(*Blob).bind(b.db)
		}
		return
	}
	for i := range v.NumField() {
		if field := v.Type().Field(i); field.IsExported() || field.Anonymous {
			b.walk(v.Field(i))
		}
	}
}

// walkMap puts copies of the values into the map, whose own cannot be changed.
func (b *blobBinder) walkMap(v reflect.Value) {
	if isScalar(v.Type().Elem().Kind()) || !v.CanInterface() {
		return
	}
	for _, key := range v.MapKeys() {
		value := reflect.New(v.Type().Elem()).Elem()
		value.Set(v.MapIndex(key))
		b.walk(value)
		v.SetMapIndex(key, value)
	}
}

func isScalar(k reflect.Kind) bool { return k <= reflect.Complex128 || k == reflect.String }

// bind sets the database that has the content, if it is not set.
func (b *Blob) bind(db *Database) {
	if !b.isZero() && b.content == nil && b.db == nil {
		b.db = db
	}
}
