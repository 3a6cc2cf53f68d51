package document_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fuzzing"
)

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` {"a":[1,-0.5e3,"\u0041\ud83d\ude00",null,true,{"b":{}}]} `, `{"a":1,"a":2}`, `{"a":"` + "\xff" + `"}`,
		`{"a":` + blob(digestX) + `,"_attachments":{"blob_/a":` + entry(digestY) + `}}`, `{"_id":1,"é":"日本"}`, `{"a":1e999}`,
		`{"a":"\ude00","b":"\ud83d"}`, `{"\ud83d":1}`,
	} {
		f.Add([]byte(seed))
	}
	for _, m := range fuzzing.Recorded(f, "rev", "setCheckpoint") {
		f.Add(m.Body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		original := bytes.Clone(body)
		var info document.Info
		var err error
		fuzzing.Bounded(t, len(body), func() { info, err = document.Check(body) })
		if valid := isStrict(body); (err == nil) != valid && !halfSurrogate.Match(body) {
			t.Fatalf("Check(%q) = %v, but another parser says %v", body, err, valid)
		}
		fuzzing.Within(t, uint64(4<<20+4096*len(body)), func() { useAll(t, body, info, err) })
		if !bytes.Equal(original, body) {
			t.Fatalf("%q was changed to %q", original, body)
		}
	})
}

// halfSurrogate matches escapes of unpaired surrogates. The other parser takes them for invalid
// UTF-8, but JSON allows them in a body.
var halfSurrogate = regexp.MustCompile(`\\u[dD][89a-fA-F]`)

// isStrict asks another parser, which limits neither numbers nor depth.
func isStrict(body []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	if d.PeekKind() != '{' || !json.Valid(body) {
		return false
	}
	depth := 0
	for {
		token, err := d.ReadToken()
		if err != nil {
			return err.Error() == "EOF"
		}
		depth = max(depth, d.StackDepth())
		if token.Kind() == '0' {
			var number float64
			if json.Unmarshal([]byte(token.String()), &number) != nil {
				return false
			}
		}
		if depth > document.MaxDepth {
			return false
		}
	}
}

// useAll checks what the other functions promise for any text.
func useAll(t *testing.T, body []byte, info document.Info, bad error) {
	compact, again, err := document.Compact(body)
	if (err == nil) != (bad == nil) || err == nil && again != info {
		t.Fatalf("Compact(%q) = %+v, %v, Check = %+v, %v", body, again, err, info, bad)
	}
	_, errBlobs := document.Blobs(body)
	_, errWith := document.WithAttachments(body, 1)
	clean, _, errFrom := document.FromGateway(body)
	canonical, _ := document.Canonical(body)
	_, _, errMerge := document.Merge3(nil, body, []byte(`{"a":1}`), document.Remote)
	document.Removed(body)
	if bad != nil {
		if errBlobs == nil || errWith == nil || errFrom == nil || errMerge == nil {
			t.Fatalf("%q: accepted in spite of %v: %v, %v, %v, %v", body, bad, errBlobs, errWith, errFrom, errMerge)
		}
		return
	}
	var wanted bytes.Buffer
	if err := json.Compact(&wanted, body); err != nil || !bytes.Equal(wanted.Bytes(), compact) {
		t.Fatalf("Compact(%q) = %q, want %q", body, compact, wanted.Bytes())
	}
	for name, result := range map[string][]byte{"FromGateway": clean, "Canonical": canonical} {
		if _, err := document.Check(result); err != nil {
			t.Fatalf("%s(%q) = %q: %v", name, body, result, err)
		}
	}
	if !document.Equal(body, canonical) {
		t.Fatalf("Canonical(%q) = %q is another value", body, canonical)
	}
}

func FuzzQuote(f *testing.F) {
	f.Add([]byte(`"a\u0000\n\"\\\/\ud83d\ude00\ud83d\ude0\ud800\udc00"`))
	f.Add([]byte(`"\ude00\ud83d"`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var v document.Value
		var quoted []byte
		var err error
		fuzzing.Bounded(t, len(text), func() {
			if v, err = document.ParseValue(text, 0); err == nil && v.Kind() == document.String {
				quoted = document.AppendQuoted(nil, v.Text())
			}
		})
		if quoted == nil {
			return
		}
		again, err := document.ParseValue(quoted, 0)
		if err != nil || !bytes.Equal(again.Text(), v.Text()) {
			t.Fatalf("%q is quoted as %q: %v", text, quoted, err)
		}
		var a, b string
		if json.Unmarshal(text, &a) != nil || json.Unmarshal(quoted, &b) != nil || a != b {
			t.Fatalf("%q is quoted as %q, which is another text", text, quoted)
		}
	})
}
