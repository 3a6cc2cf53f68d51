package delta_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/delta"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fuzzing"
)

// values draws JSON text of any kind, with long, similar strings.
func values(depth int) *rapid.Generator[string] {
	words := rapid.SampledFrom([]string{"alpha ", "béta ", "γάμμα ", "😀", `\u0041`, `\n`, `\ud83d`, "|", "12=3+", "a longer phrase of text "})
	text := rapid.Custom(func(t *rapid.T) string {
		return `"` + strings.Join(rapid.SliceOfN(words, 0, 12).Draw(t, "words"), "") + `"`
	})
	scalar := rapid.OneOf(rapid.SampledFrom([]string{"null", "true", "false", "0", "-1.50", "1e2", "100", "18446744073709551615"}), text)
	if depth == 0 {
		return scalar
	}
	inner := values(depth - 1)
	array := rapid.Custom(func(t *rapid.T) string {
		return "[" + strings.Join(rapid.SliceOfN(inner, 0, 4).Draw(t, "items"), ",") + "]"
	})
	return rapid.OneOf(scalar, array, objects(inner))
}

func objects(inner *rapid.Generator[string]) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var members []string
		for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", `\u0063`, "é", "0", "1-", ""}), 0, 5, rapid.ID).Draw(t, "keys") {
			members = append(members, `"`+key+`":`+inner.Draw(t, "value"))
		}
		return "{" + strings.Join(members, ",") + "}"
	})
}

func TestApplyUndoesDiff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gen := values(3)
		old, updated := gen.Draw(t, "old"), gen.Draw(t, "new")
		d, err := delta.Diff([]byte(old), []byte(updated))
		if err != nil {
			t.Fatalf("Diff(%s, %s): %v", old, updated, err)
		}
		got, err := delta.Apply([]byte(old), d)
		if err != nil {
			t.Fatalf("Apply(%s, %s): %v", old, d, err)
		}
		a, errA := document.ParseValue(got, 0)
		b, errB := document.ParseValue([]byte(updated), 0)
		if errA != nil || errB != nil || !document.SameValue(a, b) {
			t.Fatalf("Apply(%s, %s) = %s, want %s", old, d, got, updated)
		}
	})
}

func TestDiffOfEqualValuesChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := values(3).Draw(t, "value")
		d, err := delta.Diff([]byte(v), []byte(v))
		if err != nil || string(d) != "{}" {
			t.Fatalf("Diff(%s, same) = %s, %v", v, d, err)
		}
		if got, err := delta.Apply([]byte(v), d); err != nil || string(got) != v {
			t.Fatalf("Apply(%s, {}) = %s, %v", v, got, err)
		}
	})
}

func FuzzApply(f *testing.F) {
	for _, x := range examples {
		f.Add([]byte(x.old), []byte(x.delta))
	}
	f.Add([]byte(`{"a":"abc"}`), []byte(`{"a":["1=1-2+xy|1=",0,2]}`))
	for _, m := range fuzzing.Recorded(f, "rev") {
		if m.Property("deltaSrc") != "" {
			f.Add([]byte(`{"n":1,"text":"a manual"}`), m.Body)
		}
	}
	f.Fuzz(func(t *testing.T, old, d []byte) {
		var got []byte
		var err error
		fuzzing.Bounded(t, len(old)+len(d), func() { got, err = delta.Apply(old, d) })
		if err != nil {
			return
		}
		if len(got) > len(old)+len(d) {
			t.Fatalf("Apply(%q, %q) grew to %d bytes", old, d, len(got))
		}
		if _, err := document.ParseValue(got, 0); err != nil {
			t.Fatalf("Apply(%q, %q) = %q: %v", old, d, got, err)
		}
	})
}

func FuzzDiff(f *testing.F) {
	for _, x := range examples {
		f.Add([]byte(x.old), []byte(x.updated))
	}
	last := []byte("{}")
	for _, m := range fuzzing.Recorded(f, "rev") {
		f.Add(last, m.Body)
		last = m.Body
	}
	f.Fuzz(func(t *testing.T, old, updated []byte) {
		var d []byte
		var err error
		fuzzing.Bounded(t, len(old)+len(updated), func() { d, err = delta.Diff(old, updated) })
		if err != nil {
			return
		}
		got, err := delta.Apply(old, d)
		if err != nil {
			t.Fatalf("Apply(%q, %q): %v", old, d, err)
		}
		b, _ := document.ParseValue(updated, 0)
		if !document.SameValue(got, b) {
			t.Fatalf("Apply(%q, %q) = %q, want %q", old, d, got, updated)
		}
	})
}
