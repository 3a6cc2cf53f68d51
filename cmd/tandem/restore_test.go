package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tandemRun runs a command line in the working directory.
func tandemRun(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, messages bytes.Buffer
	status = run(args, strings.NewReader(""), &out, &messages)
	return status, out.String(), messages.String()
}

// must is tandemRun that has to succeed; it returns the output.
func must(t *testing.T, args ...string) string {
	t.Helper()
	status, out, messages := tandemRun(t, args...)
	if status != statusDone {
		t.Fatalf("tandem %q: status %d: %s", args, status, messages)
	}
	return out
}

// A bad line, wherever it is, leaves nothing of the lines before it, and is named.
func TestA10BadLinesLeaveNothingHalfImported(t *testing.T) {
	inEmptyFolder(t)
	must(t, "put", "there", "a", `{"n":1}`)
	must(t, "create", "trees", "--versioning", "rev-trees")
	before := must(t, "export", "there", "--all", "--meta")
	const blob = `"p":{"@type":"blob","digest":"sha1-Kq5sNclPz7QV2+lfQIuc6R7oRu0="}`
	for name, bad := range map[string]string{
		"no JSON":                   `{"_id":`,
		"no object":                 `[]`,
		"a key twice":               `{"a":1,"a":2}`,
		"an ID that is a number":    `{"_id":1,"_collection":"new.one"}`,
		"an ID that is not allowed": `{"_id":"_x","_collection":"new.one"}`,
		"a reserved member":         `{"_id":"x","_collection":"new.one","_x":1}`,
		"a tree without a revision": `{"_id":"x","_collection":"new.one","_tree":"2-ab"}`,
		"a tree that is none":       `{"_id":"x","_collection":"new.one","_rev":"1-ab","_tree":"oak"}`,
		"no collection":             `{"_id":"x"}`,
		"a collection's number":     `{"_id":"x","_collection":1}`,
		"a collection's name":       `{"_id":"x","_collection":"a.b.c"}`,
		"a revision's number":       `{"_id":"x","_collection":"new.one","_rev":1}`,
		"a revision's text":         `{"_id":"x","_collection":"new.one","_rev":"one"}`,
		"a revision of the future":  `{"_id":"x","_collection":"new.one","_rev":"7f00000000000000@AAAAAAAAAAAAAAAAAAAAAA"}`,
		"a history's text":          `{"_id":"x","_collection":"new.one","_rev":"2-ab","_history":"nothing"}`,
		"a history alone":           `{"_id":"x","_collection":"new.one","_history":"1-ab"}`,
		"a sequence's text":         `{"_id":"x","_collection":"new.one","_seq":"1"}`,
		"a negative sequence":       `{"_id":"x","_collection":"new.one","_seq":-1}`,
		"a sequence that is given":  `{"_id":"x","_collection":"new.one","_rev":"1-ab","_seq":7}`,
		"a sequence too large":      `{"_id":"x","_collection":"new.one","_seq":9007199254740993}`,
		"a deletion's text":         `{"_id":"x","_collection":"new.one","_deleted":"yes"}`,
		"content that is missing":   `{"_id":"x","_collection":"new.one",` + blob + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			text := `{"_id":"b","_collection":"_default._default"}` + "\n" +
				`{"_id":"a","_collection":"_default._default","_deleted":true}` + "\n" +
				`{"_id":"c","_collection":"new.one","_rev":"1-ab","_seq":7}` + "\n" + bad + "\n"
			if err := os.WriteFile("bad.jsonl", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, db := range []string{"there", "new"} {
				status, out, messages := tandemRun(t, "import", db, "bad.jsonl", "--all", "--blobs", ".")
				if status != statusFailed || out != "" || !strings.HasPrefix(messages, "tandem: import bad.jsonl:4: ") ||
					!strings.Contains(messages, "\nhint: nothing was stored") {
					t.Errorf("import of %s into %s: status %d, output %q, messages %q", bad, db, status, out, messages)
				}
			}
			if after := must(t, "export", "there", "--all", "--meta"); after != before {
				t.Errorf("after %s the database is\n%swant\n%s", bad, after, before)
			}
			if out := must(t, "info", "there"); strings.Contains(out, "new.one") {
				t.Errorf("after %s a collection is left:\n%s", bad, out)
			}
			if _, err := os.Stat("new.tandem"); err == nil {
				t.Errorf("after %s a new database is left", bad)
			}
		})
	}
	status, _, messages := tandemRun(t, "import", "trees", "version.jsonl")
	if status != statusFailed {
		t.Errorf("import of a file that is not there: status %d, %q", status, messages)
	}
	version := `{"_id":"a","_rev":"17f3a5c2e0000000@bm90ZXMK"}` + "\n"
	if err := os.WriteFile("version.jsonl", []byte(version), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, messages = tandemRun(t, "import", "trees", "version.jsonl")
	if status != statusFailed || !strings.HasPrefix(messages, "tandem: import version.jsonl:1: ") {
		t.Errorf("import of a version into a database of trees: status %d, %q", status, messages)
	}
}

// A file of the folder of blobs whose content is another is not stored under the name.
func TestA10DamagedContentIsNotImported(t *testing.T) {
	inEmptyFolder(t)
	if err := os.WriteFile("photo", []byte("not really a picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "put", "from", "a", `{}`)
	must(t, "blob", "put", "from", "a", "p", "photo")
	text := must(t, "export", "from", "--blobs", "content")
	if err := os.WriteFile("from.jsonl", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("content", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the folder has %v (%v), want one file", files, err)
	}
	if err := os.WriteFile(files[0], []byte("not really a picture!"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, messages := tandemRun(t, "import", "to", "from.jsonl", "--blobs", "content")
	if status != statusFailed || !strings.Contains(messages, "another content") {
		t.Errorf("import: status %d, messages %q", status, messages)
	}
	if _, err := os.Stat("to.tandem"); err == nil {
		t.Error("a new database is left")
	}
	must(t, "export", "from", "--blobs", "content")
	must(t, "import", "to", "from.jsonl", "--blobs", "content")
	if out := must(t, "blob", "get", "to", "a", "p"); out != "not really a picture" {
		t.Errorf("the content came back as %q", out)
	}
}
