package document_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

func TestSetAtChangesOnePlaceAlone(t *testing.T) {
	const doc = `{"a":1.0,"b":{"c/d":[10,{"e~f":"x\u0041"},30]},"":{"":0}}`
	for _, c := range []struct{ pointer, value, want string }{
		{"/a", `2e0`, `{"a":2e0,"b":{"c/d":[10,{"e~f":"x\u0041"},30]},"":{"":0}}`},
		{"/b/c~1d/1/e~0f", `null`, `{"a":1.0,"b":{"c/d":[10,{"e~f":null},30]},"":{"":0}}`},
		{"/b/c~1d/0", `[]`, `{"a":1.0,"b":{"c/d":[[],{"e~f":"x\u0041"},30]},"":{"":0}}`},
		{"/b/c~1d/-", `40`, `{"a":1.0,"b":{"c/d":[10,{"e~f":"x\u0041"},30,40]},"":{"":0}}`},
		{"/b/c~1d/1", ``, `{"a":1.0,"b":{"c/d":[10,30]},"":{"":0}}`},
		{"/b/n", `7`, `{"a":1.0,"b":{"c/d":[10,{"e~f":"x\u0041"},30],"n":7},"":{"":0}}`},
		{"/b", ``, `{"a":1.0,"":{"":0}}`},
		{"//", `5`, `{"a":1.0,"b":{"c/d":[10,{"e~f":"x\u0041"},30]},"":{"":5}}`},
		{"/", ``, `{"a":1.0,"b":{"c/d":[10,{"e~f":"x\u0041"},30]}}`},
	} {
		var value document.Value
		if c.value != "" {
			value = document.Value(c.value)
		}
		got, err := document.SetAt(document.Value(doc), c.pointer, value)
		if err != nil || string(got) != c.want {
			t.Errorf("%q set to %q:\ngot  %s, %v\nwant %s", c.pointer, c.value, got, err, c.want)
		}
	}
}

func TestSetAtRefusesPlacesThatAreNotThere(t *testing.T) {
	const doc = `{"a":1,"b":[10,{}]}`
	for _, c := range []struct {
		pointer string
		remove  bool
		want    error
	}{
		{"", false, fault.Invalid},
		{"a", false, fault.Invalid},
		{"/a/x", false, fault.NotFound},
		{"/x/y", false, fault.NotFound},
		{"/b/2", false, fault.NotFound},
		{"/b/01", false, fault.NotFound},
		{"/b/-/x", false, fault.NotFound},
		{"/b/-1", false, fault.NotFound},
		{"/b/x", false, fault.NotFound},
		{"/x", true, fault.NotFound},
		{"/b/-", true, fault.NotFound},
		{"/b/1/x", true, fault.NotFound},
		{"/a/", true, fault.NotFound},
	} {
		var value document.Value
		if !c.remove {
			value = document.Value("0")
		}
		if got, err := document.SetAt(document.Value(doc), c.pointer, value); !errors.Is(err, c.want) {
			t.Errorf("%q: got %s, %v, want %v", c.pointer, got, err, c.want)
		}
	}
}

// Whatever the pointer: a change that succeeds leaves valid text, and At finds the value there.
func TestAtFindsWhatSetAtHasSet(t *testing.T) {
	step := rapid.SampledFrom([]string{"a", "b", "0", "1", "2", "-", "", "~1", "~0", "é"})
	docs := rapid.SampledFrom([]string{`{}`, `{"a":{"b":[1,[2,{"a":0}]]}}`, `{"0":[],"b":[{"":1}],"":{"a":"\""}}`, `{"/":[0],"~":{"é":[]}}`})
	rapid.Check(t, func(t *rapid.T) {
		doc, pointer := docs.Draw(t, "document"), ""
		steps := rapid.SliceOfN(step, 1, 4).Draw(t, "steps")
		for _, s := range steps {
			pointer += "/" + s
		}
		got, err := document.SetAt(document.Value(doc), pointer, document.Value(`"new"`))
		if err != nil {
			return
		}
		if _, err := document.ParseValue(got, 0); err != nil {
			t.Fatalf("%q set in %s gives %s: %v", pointer, doc, got, err)
		}
		if found := document.At(got, pointer); steps[len(steps)-1] != "-" && string(found) != `"new"` {
			t.Fatalf("%q set in %s gives %s, where At finds %s", pointer, doc, got, found)
		}
	})
}
