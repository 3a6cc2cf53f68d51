package rest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// plainJSON returns an error of decoding JSON without the names of Go's types, which say nothing to a
// client.
func plainJSON(err error) error {
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
