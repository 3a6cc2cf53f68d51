package document_test

import (
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/document"
)

func TestEncryptableIsFoundHoweverItIsWritten(t *testing.T) {
	for body, want := range map[string]bool{
		`{}`:                                 false,
		`{"a":{"@type":"encryptable"}}`:      true,
		`{"a":{"\u0040type":"encryptable"}}`: true,
		`{"a":[[{"value":{"x":1},"@\u0074ype":"encryptabl\u0065"}]]}`:                                 true,
		`{"a":{"@type" : "encryptable"}}`:                                                             true,
		`{"@type":"encryptable"}`:                                                                     true,
		`{"a":{"b":{"@type":"encryptable"},"@type":"x"}}`:                                             true,
		`{"a":"{\"@type\":\"encryptable\"}"}`:                                                         false,
		`{"a":{"@type":"encryptable2"},"b":"\u0041"}`:                                                 false,
		`{"@type":["encryptable"],"type":"encryptable"}`:                                              false,
		`{"a":` + strings.Repeat("[", 50) + `{"@type":"encryptable"}` + strings.Repeat("]", 50) + `}`: true,
	} {
		if got := document.HasEncryptable([]byte(body)); got != want {
			t.Errorf("HasEncryptable(%s) = %v", body, got)
		}
	}
}

func BenchmarkHasEncryptable(b *testing.B) {
	body := []byte(`{"type":"order","amount":12.50,"note":"` + strings.Repeat("expensive envelopes were delivered late ", 24) + `"}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if document.HasEncryptable(body) {
			b.Fatal("found")
		}
	}
}
