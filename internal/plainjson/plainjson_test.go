package plainjson_test

import (
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/plainjson"
)

func TestErrorsAreForPeople(t *testing.T) {
	type part struct {
		On   bool           `json:"on"`
		List []int          `json:"list"`
		Map  map[string]int `json:"map"`
		Real float64        `json:"real"`
	}
	for text, want := range map[string]string{
		`{"on": 1}`: "on: got number, want true or false", `{"list": {}}`: "list: got object, want an array", `{"map": []}`: "map: got array, want an object",
		`{"real": "x"}`: "real: got string, want a number", `{"list": ["x"]}`: "want a whole number", `[]`: "the value: got array, want an object",
		`{"off": 1}`: `unknown field "off"`, `{} {}`: "more text", ``: "EOF", `{`: "EOF", `{"on": true}`: "",
	} {
		err := plainjson.Decode([]byte(text), new(part))
		switch {
		case err == nil && want == "":
		case err == nil || want == "" || !strings.Contains(err.Error(), want):
			t.Errorf("%s: got %v, want %q", text, err, want)
		case strings.Contains(err.Error(), "Go ") || strings.Contains(err.Error(), "plainjson"):
			t.Errorf("%s: %v names a type of Go", text, err)
		}
	}
}
