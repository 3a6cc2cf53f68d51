package revision_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

const (
	alice revision.Source = "AbCdEf0123456789+/abcA"
	bob   revision.Source = "5iVVo23bSb68FeKIZ3/gVQ"
	carol revision.Source = "vues3Jw1QbeTnRn8XBGbzw"
)

func TestParseIDReadsBothForms(t *testing.T) {
	for text, want := range map[string]revision.ID{
		"1-66c183b8980c2066":            "1-66c183b8980c2066",
		"4294967295-ab":                 "4294967295-ab",
		"2-ABC":                         "2-ABC", // Sync Gateway allows any text as digest
		"3-x-y":                         "3-x-y",
		"1-" + strings.Repeat("f", 255): revision.ID("1-" + strings.Repeat("f", 255)),
		"18a3f2c1d5e70000@AbCdEf0123456789+/abcA":     "18a3f2c1d5e70000@AbCdEf0123456789+/abcA",
		"0018A3F2C1D5E70000@AbCdEf0123456789+/abcA":   "18a3f2c1d5e70000@AbCdEf0123456789+/abcA",
		"21111000000@Revision+Tree+Encoding":          "21111000000@Revision+Tree+Encoding",
		"18a3f2c1d5e70000@Unknown+Source":             "18a3f2c1d5e70000@Unknown+Source",
		"1@short":                                     "1@short",
		"ffffffffffffffff@" + strings.Repeat("s", 64): revision.ID("ffffffffffffffff@" + strings.Repeat("s", 64)),
	} {
		if got, err := revision.ParseID(text); err != nil || got != want {
			t.Errorf("ParseID(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestParseIDRefusesWhatNamesNoRevision(t *testing.T) {
	for _, text := range []string{
		"", "-", "@", "1", "1-", "1-a|b", "1-|", "1@a|b", "-ab", "0-ab", "01-ab", "+1-ab", "x-ab", "1a-ab", " 1-ab", "1-ab ", "1- ab",
		"4294967296-ab", "99999999999999999999999-ab", "1-a,b", "1-a;b", "1-é", "1-a\x00", "1-" + strings.Repeat("f", 256),
		"18a3@*", "18a3@", "@src", "0@src", "xyz@src", "+18a3@src", "-1@src", "0x18@src", "1_8@src", "00-1@src",
		"1ffffffffffffffff@src", "18a3@a@b", "18a3@a*b", "18a3@a b", "18a3@a,b", "18a3@a;b", "1-ab@src",
		"18a3@" + strings.Repeat("s", 65),
	} {
		if got, err := revision.ParseID(text); !errors.Is(err, fault.BadRevisionID) {
			t.Errorf("ParseID(%q) = %q, %v, want a malformed revision ID", text, got, err)
		}
	}
}

func TestIDsTellTheirParts(t *testing.T) {
	tree, version := revision.NewTree(12, "ab34"), revision.NewVersion(0x18a3f2c1d5e70000, alice)
	if tree != "12-ab34" || !tree.IsTree() || tree.IsVersion() || tree.Generation() != 12 || tree.Digest() != "ab34" ||
		tree.Time() != 0 || tree.Source() != "" {
		t.Errorf("tree ID %q has wrong parts", tree)
	}
	if version != "18a3f2c1d5e70000@AbCdEf0123456789+/abcA" || version.IsTree() || !version.IsVersion() ||
		version.Generation() != 0 || version.Digest() != "" || version.Time() != 0x18a3f2c1d5e70000 || version.Source() != alice {
		t.Errorf("version %q has wrong parts", version)
	}
	if none := revision.ID(""); none.IsTree() || none.IsVersion() || none.Encoded() != "" || none.Generation() != 0 {
		t.Error("no ID has a form")
	}
}

func TestSourceIsUnpaddedBase64(t *testing.T) {
	uuid := [16]byte{0xe6, 0x25, 0x55, 0xa3, 0x6d, 0xdb, 0x49, 0xbe, 0xbc, 0x15, 0xe2, 0x88, 0x67, 0x7f, 0xe0, 0x55}
	if got := revision.SourceFrom(uuid); got != "5iVVo23bSb68FeKIZ3/gVQ" {
		t.Errorf("got %q", got)
	}
}

// Examples worked out by hand, and one recorded.
func TestTreeIDsAreEncodedAsVersions(t *testing.T) {
	for id, want := range map[revision.ID]revision.ID{
		"2-1111":                     "21111000000@Revision+Tree+Encoding",
		"1-68656c6c6f20776f726c64":   "168656c6c6f@Revision+Tree+Encoding",
		"1-e71dbc9a27ad5dbb8db5":     "1e71dbc9a27@Revision+Tree+Encoding",
		"3-ABC":                      "3abc0000000@Revision+Tree+Encoding",
		"1-zz1":                      "10010000000@Revision+Tree+Encoding",
		"4294967295-ffffffffff":      "7fffffffffffffff@Revision+Tree+Encoding",
		"18a3f2c1d5e70000@somewhere": "18a3f2c1d5e70000@somewhere",
	} {
		if got := id.Encoded(); got != want {
			t.Errorf("%q.Encoded() = %q, want %q", id, got, want)
		}
		if !id.Is(want) || !want.Is(id) {
			t.Errorf("%q is not %q", id, want)
		}
	}
	for _, pair := range [][2]revision.ID{{"", "1-ab"}, {"1-ab", "1-ac"}, {"1-ab", "1-AB"}, {"", ""}} {
		if got := pair[0].Is(pair[1]); got != (pair[0] == pair[1]) {
			t.Errorf("%q.Is(%q) = %v", pair[0], pair[1], got)
		}
	}
}
