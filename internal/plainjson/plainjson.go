package plainjson

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// Decode decodes a text into v. Unknown members and text behind the value are errors.
func Decode(text []byte, v any) error {
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(v); err != nil {
		return Error(err)
	}
	if in.More() {
		return errors.New("there is more text after the value")
	}
	return nil
}

// Error returns an error of decoding JSON without the names of Go's types, which say nothing to people.
// Other errors, and nil, stay as they are.
func Error(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err
	}
	return fmt.Errorf("%s: got %s, want %s", cmp.Or(wrong.Field, "the value"), wrong.Value, kindOf(wrong.Type))
}

// kindOf names the kind of JSON that a type takes.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a whole number"
	}
}
