package document_test

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

func nested(levels int) string {
	return strings.Repeat(`{"a":`, levels-1) + "{}" + strings.Repeat("}", levels-1)
}

func TestCheckAcceptsDocuments(t *testing.T) {
	digest := `"sha1-ArH2IhJgRp/90GRqSAdAfa750BE="`
	for body, want := range map[string]document.Info{
		`{}`:                       {},
		" {\t}\r\n":                {},
		`{"a":[1,-0,2.5e-3,1E+2]}`: {},
		`{"a":18446744073709551615,"b":-9223372036854775808}`:              {},
		`{"a":true,"b":false,"c":null,"d":"\u0000\ud800\"\\\/\b\f\n\r\t"}`: {},
		`{"\ud800":1,"\ud801":2,"":3}`:                                     {},
		`{"é":"日本語 😀","e":"aaaaaaaaaaaaaaaaaaaaaaaaaé"}`:                   {},
		nested(101):                 {},
		`{"_x":1}`:                  {HasReserved: true},
		`{"\u005fattachments":{}}`:  {HasReserved: true, HasAttachments: true},
		`{"a":{"_attachments":{}}}`: {},
		`{"a":[{"@type":"blob","digest":` + digest + `}]}`:                               {HasBlobs: true},
		`{"a":[{"digest":` + digest + `, "n":[1], "@typ\u0065":"bl\u006fb"}]}`:           {HasBlobs: true},
		`{"a":[{"@type":"blob","digest":"sha1-X="}]}`:                                    {},
		`{"a":{"@type":"blob","b":{"digest":` + digest + `}}}`:                           {},
		`{"a":1` + strings.Repeat("0", 307) + `,"b":0.` + strings.Repeat("1", 400) + `}`: {},
	} {
		got, err := document.Check([]byte(body))
		if err != nil || got != want {
			t.Errorf("Check(%.80s) = %+v, %v, want %+v", body, got, err, want)
		}
	}
}

func TestCheckRefusesWhatIsNoDocument(t *testing.T) {
	many := func(last string) string {
		var b strings.Builder
		for i := range 40 {
			b.WriteString(`"key` + string(rune('0'+i)) + `":1,`)
		}
		return "{" + b.String() + last + ":1}"
	}
	for body, want := range map[string]error{
		"": fault.BadJSON, " ": fault.BadJSON, "{": fault.BadJSON, `{"a"`: fault.BadJSON, `{"a":`: fault.BadJSON,
		`{"a":1`: fault.BadJSON, `{"a":1,`: fault.BadJSON, `{"a":1,}`: fault.BadJSON, `{,}`: fault.BadJSON,
		`{a:1}`: fault.BadJSON, `{'a':1}`: fault.BadJSON, `{"a" 1}`: fault.BadJSON, `{"a":1 "b":2}`: fault.BadJSON,
		`{"a":[1,]}`: fault.BadJSON, `{"a":[1 2]}`: fault.BadJSON, `{"a":[}`: fault.BadJSON,
		`{"a":NaN}`: fault.BadJSON, `{"a":Infinity}`: fault.BadJSON, `{"a":nul}`: fault.BadJSON, `{"a":tru`: fault.BadJSON,
		`{"a":01}`: fault.BadJSON, `{"a":+1}`: fault.BadJSON, `{"a":.5}`: fault.BadJSON, `{"a":1.}`: fault.BadJSON,
		`{"a":-}`: fault.BadJSON, `{"a":1e}`: fault.BadJSON, `{"a":0x1}`: fault.BadJSON, `{"a":1_0}`: fault.BadJSON,
		`{"a":1e999}`: fault.BadJSON, `{"a":-1e309}`: fault.BadJSON, `{"a":1` + strings.Repeat("0", 309) + `}`: fault.BadJSON,
		`{} {}`: fault.BadJSON, `{}x`: fault.BadJSON, "\ufeff{}": fault.BadJSON, `{}//`: fault.BadJSON, `{/**/}`: fault.BadJSON,
		"{\"a\":\"\n\"}": fault.BadJSON, "{\"a\":\"12345678\x01\"}": fault.BadJSON, "{\"a\":\"\xff\"}": fault.BadJSON,
		"{\"a\":\"\xed\xa0\x80\"}": fault.BadJSON, "{\"\xc3\":1}": fault.BadJSON, "{\"a\":\"1234567\xc3\x28\"}": fault.BadJSON,
		`{"a":"\x"}`: fault.BadJSON, `{"a":"\u12g4"}`: fault.BadJSON, `{"a":"\u12`: fault.BadJSON, `{"a":"\`: fault.BadJSON,
		`{"a":"b`: fault.BadJSON, "{\v}": fault.BadJSON,
		nested(102): fault.BadJSON, strings.Repeat("[", 100_000): fault.BadJSON,
		`[]`: fault.CorruptRevision, `null`: fault.CorruptRevision, `"a"`: fault.CorruptRevision, `1`: fault.CorruptRevision,
		`{"a":1,"a":1}`: fault.CorruptRevision, `{"a":1,"\u0061":1}`: fault.CorruptRevision,
		`{"x":{"é":1,"\u00e9":1}}`: fault.CorruptRevision,
		many(`"key0"`):             fault.CorruptRevision, many(`"keyC"`): fault.CorruptRevision, many(`"key3"`): fault.CorruptRevision,
	} {
		if _, err := document.Check([]byte(body)); !errors.Is(err, want) {
			t.Errorf("Check(%.60q) = %v, want %v", body, err, want)
		}
	}
	if _, err := document.Check([]byte(many(`"other"`))); err != nil {
		t.Errorf("41 different keys: %v", err)
	}
}

func TestCompactLeavesOutWhitespaceAlone(t *testing.T) {
	for body, want := range map[string]string{
		`{}`: `{}`,
		" {\n\t\"b\" : [ 1.50 , \" \\u0041\" ] ,\r\n \"a\" : { } } ": `{"b":[1.50," \u0041"],"a":{}}`,
		`{"a":1} `: `{"a":1}`,
		` {"a":1}`: `{"a":1}`,
	} {
		got, _, err := document.Compact([]byte(body))
		if err != nil || string(got) != want {
			t.Errorf("Compact(%q) = %q, %v, want %q", body, got, err, want)
		}
	}
	body := []byte(`{"a":" "}`)
	if got, _, _ := document.Compact(body); &got[0] != &body[0] {
		t.Error("a body without whitespace was copied")
	}
}

func bodies(tb testing.TB) [][]byte {
	tb.Helper()
	names, _ := filepath.Glob("testdata/*.jsonl")
	var all [][]byte
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			all = append(all, bytes.Clone(lines.Bytes()))
		}
	}
	if len(all) == 0 {
		tb.Fatal("no bodies in testdata")
	}
	return all
}

func BenchmarkCompact(b *testing.B) {
	all := bodies(b)
	n := 0
	for _, body := range all {
		n += len(body)
	}
	b.SetBytes(int64(n))
	b.ReportAllocs()
	for b.Loop() {
		for _, body := range all {
			if _, _, err := document.Compact(body); err != nil {
				b.Fatal(err)
			}
		}
	}
}
