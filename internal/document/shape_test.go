package document_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

func TestCanonicalSortsKeys(t *testing.T) {
	for body, want := range map[string]string{
		``:                                  `{}`,
		` { } `:                             `{}`,
		`{"b":1,"a":{"d":[],"c":{}},"é":0}`: `{"a":{"c":{},"d":[]},"b":1,"é":0}`,
		`{"b":[3,{"z":1.50,"y":1e2}],"B":"\u0041\/\n\u0001\ud83d\ude00\ud83d"}`: `{"B":"A/\n\u0001😀\ud83d","b":[3,{"y":1e2,"z":1.50}]}`,
	} {
		got, err := document.Canonical([]byte(body))
		if err != nil || string(got) != want {
			t.Errorf("Canonical(%s) = %s, %v, want %s", body, got, err, want)
		}
	}
	if _, err := document.Canonical([]byte(`[1]`)); !errors.Is(err, fault.CorruptRevision) {
		t.Errorf("an array gives %v", err)
	}
}

func TestEqualComparesValues(t *testing.T) {
	for _, x := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":2}`, `{ "b" : 2 , "a" : 1 }`, true},
		{`{"a":3.0}`, `{"a":3}`, true},
		{`{"a":100}`, `{"a":1e2}`, true},
		{`{"a":0}`, `{"a":-0}`, true},
		{`{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
		{`{"a":9007199254740993}`, `{"a":9007199254740992.0}`, false},
		{`{"a":18446744073709551615}`, `{"a":18446744073709551614}`, false},
		{`{"a":18446744073709551615}`, `{"a":-1}`, false},
		{`{"a":18446744073709551616}`, `{"a":18446744073709551616.0}`, true},
		{`{"a":"\u0041"}`, `{"\u0061":"A"}`, true},
		{`{"a":"\ud800"}`, `{"a":"\ud801"}`, false},
		{`{"a":[1,2]}`, `{"a":[2,1]}`, false},
		{`{"a":[1]}`, `{"a":[1,2]}`, false},
		{`{"a":[1,2]}`, `{"a":[1]}`, false},
		{`{"a":1}`, `{"a":1,"b":null}`, false},
		{`{"a":1,"b":null}`, `{"a":1}`, false},
		{`{"a":1,"b":null}`, `{"a":1,"c":null}`, false},
		{`{"a":null}`, `{"a":false}`, false},
		{`{"a":true}`, `{"a":false}`, false},
		{`{`, `{}`, false},
		{`{`, `{`, true},
	} {
		if got := document.Equal([]byte(x.a), []byte(x.b)); got != x.want {
			t.Errorf("Equal(%s, %s) = %v", x.a, x.b, got)
		}
	}
}

func TestReservedKeysAreStrippedOrRefused(t *testing.T) {
	for body, want := range map[string]string{
		`{"a":1}`:                          `{"a":1}`,
		`{"_id":"x","a":1,"_x":{"_y":2}}`:  `{"a":1}`,
		`{"\u005fid":"x", "a":{"_id":1} }`: `{"a":{"_id":1}}`,
		`{"_only":1}`:                      `{}`,
	} {
		if got, _, err := document.FromGateway([]byte(body)); string(got) != want || err != nil {
			t.Errorf("FromGateway(%s) = %s, %v, want %s", body, got, err, want)
		}
	}
	if err := document.CheckKeys([]byte(`{"a":{"_b":1},"":2}`)); err != nil {
		t.Errorf("nested underscores are ordinary: %v", err)
	}
	err := document.CheckKeys([]byte(`{"a":1,"_rev":2}`))
	if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "_rev") {
		t.Errorf("a reserved key gives %v, which does not name it", err)
	}
	if err := document.CheckKeys([]byte(`{`)); !errors.Is(err, fault.BadJSON) {
		t.Errorf("a malformed body gives %v", err)
	}
}

func TestRemovedIsSyncGatewaysNotice(t *testing.T) {
	for body, want := range map[string]bool{
		`{"_removed":true}`: true, `{ "_removed" : true, "a":1}`: true, `{"_removed":false}`: false,
		`{"a":{"_removed":true}}`: false, `{}`: false, `{`: false, `{"_removed":1}`: false,
	} {
		if got := document.Removed([]byte(body)); got != want {
			t.Errorf("Removed(%s) = %v", body, got)
		}
	}
}
