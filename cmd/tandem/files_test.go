package main

import "testing"

func TestAByteOrderMarkIsNoPartOfASecret(t *testing.T) {
	for text, want := range map[string]string{
		"sesame":                "sesame",
		"\ufeffsesame":          "sesame",
		"":                      "",
		"\xff\xfes\x00e\x00":    "error",
		"\xfe\xff\x00s\x00e":    "error",
		"a\ufeff in the middle": "a\ufeff in the middle",
	} {
		got, err := withoutMark(text)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
