package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestJSON5BecomesJSON(t *testing.T) {
	for text, want := range map[string]string{
		``:                                       ``,
		`{"a": [1, true, null, "x\né"]}`:         `{"a":[1,true,null,"x\né"]}`,
		"// all\n{a: 1, /* b: 2, */ $c_1: 'd',}": `{"a":1,"$c_1":"d"}`,
		`[1,]`:                                   `[1]`,
		`{true: false, 'quoted "key"': 'it\'s'}`: `{"true":false,"quoted \"key\"":"it's"}`,
		"['one \\\n line', '\\x41\\u0042\\v\\0', \"\\ud83d\\ude00\"]": `["one  line","AB\u000b\u0000","😀"]`,
		`[0x1F, -0xa, +1, .5, -.5, 5., 1.e3, 1E-2]`:                   `[31,-10,1,0.5,-0.5,5,1.0e3,1E-2]`,
		"\ufeff{ü:\u00a01}":                   `{"ü":1}`,
		`{"http://x": "// no comment /* */"}`: `{"http://x":"// no comment /* */"}`,
	} {
		got, err := fromJSON5(text)
		var plain bytes.Buffer
		if err == nil && len(got) > 0 {
			err = json.Compact(&plain, got)
		}
		if err != nil || plain.String() != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
}

func TestWhatIsNoJSON5IsRefused(t *testing.T) {
	for _, text := range []string{
		`[,]`, `{,}`, `[1,,2]`, `{a: b}`, `{a: NaN}`, `{a: -Infinity}`, `/* no end`, `"no end`, `'no end`, "'line\n'", `'\x4'`, `'\xzz'`, `"\`,
		`{a: --1}`, `{a: .}`, `{a: -.}`, `{a: 0x}`, `{a: 1.2.3}`, `{a: +}`, `{a: +-1}`, `{a; 1}`, "{a: 1 \xff}", `[1 2]`, `{a 1}`, `{a: 'b' 'c'}`, `{1: 2}`, `{a: 1`, `]`,
	} {
		got, err := fromJSON5(text)
		if err == nil && json.Valid(got) {
			t.Errorf("%s: became %s", text, got)
		}
	}
}

// Whatever the text is: what comes of valid JSON is the same, and nothing panics.
func FuzzJSON5(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e-7,"\u00e9\\",null]}`, `{a:'b',/**/}`, `[0x1,.5]`, `"\ud800"`, `'\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := fromJSON5(text)
		if !json.Valid([]byte(text)) {
			return
		}
		var was, is any
		if err != nil || json.Unmarshal(got, &is) != nil || json.Unmarshal([]byte(text), &was) != nil {
			t.Skip() // such as text that is not UTF-8
		}
		a, _ := json.Marshal(was)
		b, _ := json.Marshal(is)
		if !bytes.Equal(a, b) {
			t.Errorf("%q became %q", text, got)
		}
	})
}
