package querytest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/query/eval"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/value"
)

// Document is a document to load.
type Document struct {
	ID         string
	Sequence   int64
	Body       []byte
	Deleted    bool
	Expiration int64
}

// Data has the documents of collections by "scope.name".
type Data map[string][]Document

// folder finds a folder beside the work tree, from the folder of the package under test, or skips
// the test.
func folder(t testing.TB, name string) string {
	t.Helper()
	for _, up := range []string{"..", "../..", "../../..", "../../../..", "../../../../.."} {
		path := filepath.Join(up, "shared", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Skipf("there is no ../shared/%s beside the work tree", name)
	return ""
}

// step is a line of setup.jsonl.
type step struct {
	Op         string
	Collection string
	File       string
	Limit      int
	ID         string
	At         int64
}

// Load reads the documents of the recorded queries, or skips the test if this machine lacks them.
func Load(t testing.TB) Data {
	t.Helper()
	data := Data{}
	vectors := folder(t, "vectors/query")
	for line := range lines(t, filepath.Join(vectors, "setup.jsonl")) {
		var s step
		decode(t, line, &s)
		name := fullName(s.Collection)
		switch s.Op {
		case "load":
			data[name] = load(t, resolve(t, vectors, s.File), s.Limit)
		case "delete", "expire":
			change(data[name], s)
		}
	}
	return data
}

// change deletes a document, with the next sequence, or makes it expire.
func change(docs []Document, s step) {
	var last int64
	for _, d := range docs {
		last = max(last, d.Sequence)
	}
	for i := range docs {
		d := &docs[i]
		if d.ID != s.ID {
			continue
		}
		if d.Expiration = s.At; s.Op == "delete" {
			d.Deleted, d.Sequence = true, last+1
		}
	}
}

func resolve(t testing.TB, vectors, file string) string {
	t.Helper()
	if rest, ok := strings.CutPrefix(file, "shared/"); ok {
		return filepath.Join(folder(t, "data"), "..", rest)
	}
	if filepath.IsAbs(file) {
		return "" // the system's empty file
	}
	return filepath.Join(vectors, file)
}

func load(t testing.TB, file string, limit int) []Document {
	t.Helper()
	docs := []Document{}
	if file == "" {
		return docs
	}
	for line := range lines(t, file) {
		if limit > 0 && len(docs) == limit {
			break
		}
		d := split(t, line)
		d.Sequence = int64(len(docs) + 1)
		docs = append(docs, d)
	}
	return docs
}

// split removes the ID from a body and leaves the rest unchanged.
func split(t testing.TB, line []byte) Document {
	t.Helper()
	var id struct {
		ID string `json:"_id"`
	}
	decode(t, line, &id)
	members := []byte{}
	for key, v := range value.FromJSON(line).Members() {
		if key == "_id" {
			continue
		}
		if len(members) > 0 {
			members = append(members, ',')
		}
		members = append(value.OfString(key).AppendJSON(members), ':')
		members = v.AppendJSON(members)
	}
	return Document{ID: id.ID, Body: append(append([]byte{'{'}, members...), '}')}
}

// lines returns the non-empty lines of a file.
func lines(t testing.TB, file string) func(func([]byte) bool) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func([]byte) bool) {
		scanner := bufio.NewScanner(bytes.NewReader(text))
		scanner.Buffer(nil, len(text)+1)
		for scanner.Scan() {
			if len(scanner.Bytes()) > 0 && !yield(scanner.Bytes()) {
				return
			}
		}
	}
}

func decode(t testing.TB, text []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// fullName completes the name of a collection in the default scope.
func fullName(name string) string {
	if !strings.Contains(name, ".") {
		return "_default." + name
	}
	return name
}

// Collection implements plan.Catalog for a database called q.
func (d Data) Collection(scope, name string) (plan.Collection, bool) {
	if scope == "" && (name == "_" || name == "q") {
		name = "_default"
	}
	if scope == "" || scope == "_" {
		scope = "_default"
	}
	_, ok := d[scope+"."+name]
	return plan.Collection{Scope: scope, Name: name}, ok
}

// Collections implements plan.Catalog.
func (d Data) Collections() []string {
	return slices.Collect(maps.Keys(d))
}

// TextIndexes implements plan.Catalog.
func (d Data) TextIndexes(c plan.Collection) []string {
	switch c {
	case plan.Collection{Scope: "_default", Name: "odd"}:
		return []string{"textIdx", "bodyEn", "bodyNoAcc", "bodyEnNoAcc", "labelsIdx", "techOnly"}
	case plan.Collection{Scope: "travel", Name: "hotels"}:
		return []string{"hotelText", "reviewText"}
	}
	return nil
}

// VectorIndexes implements plan.Catalog.
func (d Data) VectorIndexes(plan.Collection) []plan.VectorIndex { return nil }

// TextIndex is a full-text index of the recorded queries.
type TextIndex struct {
	Collection, Name, Type, Expr, Language, Where string
	IgnoreAccents                                 bool
}

// TextIndexes reads the full-text indexes of the recorded queries, or skips the test.
func TextIndexes(t testing.TB) (all []TextIndex) {
	t.Helper()
	for line := range lines(t, filepath.Join(folder(t, "vectors/query"), "setup.jsonl")) {
		var x TextIndex
		decode(t, line, &x)
		if x.Type == "fts" {
			x.Collection = fullName(x.Collection)
			all = append(all, x)
		}
	}
	return all
}

// Documents returns the documents in the form of the evaluator.
func (d Data) Documents() func(plan.Collection) []eval.Document {
	loaded := map[string][]eval.Document{}
	for name, docs := range d {
		for _, doc := range docs {
			loaded[name] = append(loaded[name], eval.Document{
				ID: doc.ID, Sequence: doc.Sequence, Deleted: doc.Deleted, Expiration: doc.Expiration, Body: value.FromJSON(doc.Body),
			})
		}
	}
	return func(c plan.Collection) []eval.Document { return loaded[c.Scope+"."+c.Name] }
}

// IndexStep is a step of the recorded script with indexes.
type IndexStep struct {
	Name string
	Do   struct {
		Op, Name, Type, Expr, Where, UnnestPath string
		Query                                   string `json:"q"`

		Language        string
		StopWords       *string
		DisableStemming bool
	}
	Result struct {
		Error any
		Uses  []string
		Rows  []map[string]any
	}
}

// IndexScript reads the script with indexes without its lists of all, or skips the test.
func IndexScript(t testing.TB) (all []IndexStep) {
	t.Helper()
	for line := range lines(t, filepath.Join(folder(t, "vectors/query"), "indexes.jsonl")) {
		var s IndexStep
		decode(t, line, &s)
		if s.Do.Op != "indexes" {
			all = append(all, s)
		}
	}
	return all
}
