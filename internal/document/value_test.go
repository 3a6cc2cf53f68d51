package document_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

func TestValuesGiveTheirParts(t *testing.T) {
	v, err := document.ParseValue([]byte(` { "a" : [1, "x,]}", {}, [] , null] , "\u0062": {"c":true}, "n": -1.50 } `), 0)
	if err != nil {
		t.Fatal(err)
	}
	var keys, items []string
	for key, value := range v.Members() {
		keys = append(keys, string(key)+"="+string(value))
	}
	for item := range v.Member("a").Items() {
		items = append(items, string(item))
	}
	if diff := cmp.Diff([]string{`"a"=[1,"x,]}",{},[],null]`, `"\u0062"={"c":true}`, `"n"=-1.50`}, keys); diff != "" {
		t.Errorf("members (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"1", `"x,]}"`, "{}", "[]", "null"}, items); diff != "" {
		t.Errorf("items (-want +got)\n%s", diff)
	}
	if got := string(v.Index()["b"].Member("c")); got != "true" {
		t.Errorf("the member b.c is %q", got)
	}
	if v.Member("x") != nil || v.Member("n").Member("x") != nil || document.Value(nil).Member("x") != nil {
		t.Error("a member that is not there was found")
	}
	for range v.Member("n").Items() {
		t.Error("a number has items")
	}
	for range v.Members() {
		break // a loop may end early
	}
}

func TestKindsOfValues(t *testing.T) {
	for text, want := range map[string]document.Kind{
		"null": document.Null, "true": document.Bool, "false": document.Bool, "0": document.Number, "-1": document.Number,
		`""`: document.String, "[]": document.Array, "{}": document.Object,
	} {
		v, err := document.ParseValue([]byte(text), 0)
		if err != nil || v.Kind() != want {
			t.Errorf("the kind of %s is %v, %v, want %v", text, v.Kind(), err, want)
		}
		if (v.Text() != nil) != (want == document.String) {
			t.Errorf("the text of %s is %q", text, v.Text())
		}
	}
	if document.Value(nil).Kind() != document.None {
		t.Error("nothing has a kind")
	}
}

func TestParseValueLimitsDepth(t *testing.T) {
	for _, x := range []struct {
		levels, limit int
		ok            bool
	}{{101, 0, true}, {102, 0, false}, {102, 102, true}, {3, 2, false}} {
		text := strings.Repeat("[", x.levels) + strings.Repeat("]", x.levels)
		if _, err := document.ParseValue([]byte(text), x.limit); (err == nil) != x.ok || err != nil && !errors.Is(err, fault.BadJSON) {
			t.Errorf("ParseValue of %d levels with limit %d: %v", x.levels, x.limit, err)
		}
	}
}

// documents draws bodies with few keys, so that two bodies overlap.
func documents(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		value := rapid.SampledFrom([]string{"1", "2", `"x"`, "[1]", "[]", "null", blob(digestX), blob(digestY)})
		if depth > 0 {
			value = rapid.OneOf(value, documents(depth-1))
		}
		var members []string
		for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c/d"}), 0, 3, rapid.ID).Draw(t, "keys") {
			members = append(members, `"`+key+`":`+value.Draw(t, "value"))
		}
		return "{" + strings.Join(members, ",") + "}"
	})
}

func TestMerge3KeepsItsLaws(t *testing.T) {
	merge := func(t *rapid.T, base, local, remote string, side document.Side) (string, []string) {
		got, conflicts, err := document.Merge3([]byte(base), []byte(local), []byte(remote), side)
		if err != nil {
			t.Fatalf("Merge3(%s, %s, %s): %v", base, local, remote, err)
		}
		return string(got), conflicts
	}
	rapid.Check(t, func(t *rapid.T) {
		gen := documents(2)
		base, x, y := gen.Draw(t, "base"), gen.Draw(t, "x"), gen.Draw(t, "y")
		if got, conflicts := merge(t, base, x, base, document.Remote); got != x || conflicts != nil {
			t.Fatalf("only x changed %s to %s: got %s, %v", base, x, got, conflicts)
		}
		if got, conflicts := merge(t, base, base, x, document.Local); !document.Equal([]byte(got), []byte(x)) || conflicts != nil {
			t.Fatalf("only the remote changed %s to %s: got %s, %v", base, x, got, conflicts)
		}
		if got, conflicts := merge(t, base, x, x, document.Local); got != x || conflicts != nil {
			t.Fatalf("both changed %s to %s: got %s, %v", base, x, got, conflicts)
		}
		one, conflicts := merge(t, base, x, y, document.Local)
		other, mirrored := merge(t, base, y, x, document.Remote)
		if !document.Equal([]byte(one), []byte(other)) || len(conflicts) != len(mirrored) {
			t.Fatalf("two peers merge %s and %s of %s to %s and %s", x, y, base, one, other)
		}
	})
}

// A body for a gateway lists every blob, and comes back unchanged.
func TestAttachmentsAreLossless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := documents(3).Draw(t, "body")
		sent, err := document.WithAttachments([]byte(body), 1)
		if err != nil {
			t.Fatal(err)
		}
		got, dangling, err := document.FromGateway(sent)
		if err != nil || string(got) != body || dangling != nil {
			t.Fatalf("%s comes back as %s, %v, %v", body, got, dangling, err)
		}
	})
}
