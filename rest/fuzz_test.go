package rest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tandemdb/tandem/internal/fuzzing"
)

// FuzzRouter: what a client escapes arrives as it was, and no path panics.
func FuzzRouter(f *testing.F) {
	for _, id := range []string{"..", "a//b", "a%2Fb", "\x00", "_all_docs", `"x"`, "ä", "a b", "%", "?", "#", ";"} {
		f.Add(id, "/shop/"+id)
	}
	rt := newRouter(routes())
	f.Fuzz(func(t *testing.T, id, path string) {
		if u, err := url.ParseRequestURI(path); err == nil {
			_, _ = rt.find(&http.Request{Method: "GET", URL: u})
		}
		if id == "" || strings.HasPrefix(id, "_") {
			return
		}
		u, err := url.ParseRequestURI("/shop/" + strings.ReplaceAll(url.PathEscape(id), ".", "%2E"))
		if err != nil {
			t.Fatalf("%q: %v", id, err)
		}
		found, err := rt.find(&http.Request{Method: "GET", URL: u})
		if err != nil || len(found.values) != 2 || found.values[0] != "shop" {
			t.Fatalf("%q: got %v, %v", id, found.values, err)
		}
		if got, err := url.PathUnescape(found.values[1]); err != nil || got != id {
			t.Fatalf("got %q, %v, want %q", got, err, id)
		}
	})
}

// FuzzKeyspace: a name that is escaped as the documentation says is read as it was.
func FuzzKeyspace(f *testing.F) {
	f.Add("shop", "inv", "hotel", "shop.inv.hotel")
	f.Add("a.b%", "c", "d", "....")
	f.Fuzz(func(t *testing.T, database, scope, collection, any string) {
		if ks, ok := parseKeyspace(any); ok && (ks.database == "" || ks.scope == "" || ks.collection == "") {
			t.Fatalf("%q: got %+v", any, ks)
		}
		if database == "" || scope == "" || collection == "" {
			return
		}
		want := keyspace{database, scope, collection}
		var segment []string
		for _, name := range []string{database, scope, collection} {
			segment = append(segment, strings.ReplaceAll(url.PathEscape(name), ".", "%2E"))
		}
		if got, ok := parseKeyspace(strings.Join(segment, ".")); !ok || got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

// FuzzBulkReader: each body is read to its end as encoding/json reads it, or refused.
func FuzzBulkReader(f *testing.F) {
	for _, body := range []string{
		`{"docs":[{"_id":"a"},{"b":[1,2]}],"new_edits":true}`, `{"new_edits":false,"docs":[]}`, `{"docs":[1,`, `[]`, `{"docs":{}}`,
		`{"a":{"docs":[1]},"docs":[{}]}x`, "{\"docs\":[\"\xff\"]}", `{"docs":[],"docs":[]}`, strings.Repeat(`{"docs":[`, 50),
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got [][]byte
		var err error
		fuzzing.Bounded(t, len(body), func() { got, err = readBulk(body) })
		if err != nil {
			return
		}
		var want struct {
			Docs     []json.RawMessage `json:"docs"`
			NewEdits *bool             `json:"new_edits"`
		}
		if err := json.Unmarshal(body, &want); err != nil && !strings.Contains(err.Error(), "new_edits") {
			t.Fatalf("%q is read, and encoding/json says %v", body, err)
		}
		if len(got) != len(want.Docs) {
			t.Fatalf("%q: got %d documents, want %d", body, len(got), len(want.Docs))
		}
		for i := range got {
			if !bytes.Equal(bytes.TrimSpace(got[i]), bytes.TrimSpace(want.Docs[i])) {
				t.Fatalf("document %d is %q, want %q", i, got[i], want.Docs[i])
			}
		}
	})
}

// readBulk reads a body in small pieces.
func readBulk(body []byte) (all [][]byte, err error) {
	in := newBulkReader(io.MultiReader(bytes.NewReader(body[:len(body)/2]), bytes.NewReader(body[len(body)/2:])), 1<<20)
	for {
		text, err := in.next()
		if err != nil || text == nil {
			return all, err
		}
		all = append(all, bytes.Clone(text))
	}
}

// FuzzEdit: a document is saved with the text that it had, but for the reserved members.
func FuzzEdit(f *testing.F) {
	f.Add([]byte(`{"_id":"a","_rev":"1-a","n":1.50,"_exp":3600}`), "")
	f.Add([]byte(`{"_deleted":true}`), "a")
	f.Add([]byte(`{"\u005fid":"a"}`), "")
	f.Fuzz(func(t *testing.T, body []byte, id string) {
		e, err := parseEdit(body, id)
		if err != nil {
			return
		}
		for name, value := range membersOf(t, e.body) {
			if !bytes.Contains(body, value) && !bytes.ContainsAny(body, " \t\n\r") {
				t.Fatalf("%q has %q of %s", e.body, value, name)
			}
			switch name {
			case "_id", "_rev", "_cv", "_deleted", "_exp":
				t.Fatalf("%q has %s still", e.body, name)
			}
		}
	})
}

func membersOf(t *testing.T, body []byte) map[string][]byte {
	t.Helper()
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	members := map[string][]byte{}
	for name, value := range all {
		members[name] = value
	}
	return members
}

// TestStringsAreQuotedForGood: appendString is used for IDs, which may have any letter.
func TestStringsAreQuotedForGood(t *testing.T) {
	for _, text := range []string{"", `"`, `\`, "\u2028", "<&>", "ä", "\x7f", "\xff"} {
		quoted := appendString(nil, text)
		if !jsontext.Value(quoted).IsValid() {
			t.Errorf("%q becomes %s", text, quoted)
		}
	}
}
