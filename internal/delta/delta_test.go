package delta_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/delta"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

// D-03: one example of each form of a delta.
var examples = map[string]struct{ old, updated, delta string }{
	"key replaced":        {`{"foo":1}`, `{"bar":2}`, `{"bar":2,"foo":[]}`},
	"number changed":      {`{"foo":1,"bar":2,"baz":3}`, `{"foo":1,"bar":17,"baz":3}`, `{"bar":17}`},
	"object added":        {`{}`, `{"bar":{"baz":9}}`, `{"bar":[{"baz":9}]}`},
	"object to array":     {`{"top":{"foo":1}}`, `{"top":[2]}`, `{"top":[[2]]}`},
	"nested":              {`{"foo":{"bar":[1]},"goo":2}`, `{"foo":{"bar":[2]},"goo":2}`, `{"foo":{"bar":{"0":2}}}`},
	"item changed":        {`[1,2,3]`, `[1,9,3]`, `{"1":9}`},
	"items added":         {`[1,2,3]`, `[1,2,3,4,5]`, `{"3-":[4,5]}`},
	"items cut":           {`[1,2,3,4,5]`, `[1,2,3]`, `{"3-":[]}`},
	"items moved":         {`[1,2,3,5,6,7]`, `[1,2,3,4,5]`, `{"3":4,"4":5,"5-":[]}`},
	"array filled":        {`[]`, `[1,2,3]`, `[[1,2,3]]`},
	"array emptied":       {`[1,2,3]`, `[]`, `[[]]`},
	"array in array":      {`[1,[21,22],3]`, `[1,[21,22,23],3]`, `{"1":{"2-":[23]}}`},
	"null to false":       {`{"a":null}`, `{"a":false}`, `{"a":false}`},
	"scalar at the top":   {`5`, `6`, `[6]`},
	"nothing":             {`{"a":1,"b":[1.0]}`, `{"b":[1],"a":1}`, `{}`},
	"nothing of a scalar": {`"\u0041"`, `"A"`, `{}`},
	"blob": {
		`{"pic":{"@type":"blob","digest":"sha1-A=","length":5}}`,
		`{"pic":{"@type":"blob","digest":"sha1-B=","length":6}}`,
		`{"pic":{"digest":"sha1-B=","length":6}}`,
	},
	"recorded patch": {
		`{"n":1,"text":"Page 1. The quick brown fox jumps over the lazy dog, again and again."}`,
		`{"n":2,"text":"Page seven. The quick brown fox jumps over the lazy dog, again and again."}`,
		`{"n":2,"text":["5=1-5+seven|63=",0,2]}`,
	},
	"no character is split": {
		`{"a":"<aaaaaaaaXXX` + "\xc7\x88" + strings.Repeat("z", 50) + `>"}`,
		`{"a":"<aaaaaaaaYYY` + "\xc6\x88" + strings.Repeat("z", 50) + `>"}`,
		`{"a":["9=5-5+YYY` + "\xc6\x88" + `|51=",0,2]}`,
	},
	"no character is split at its end": {
		`{"a":"<aaaaaaaé` + strings.Repeat("z", 50) + `>"}`,
		`{"a":"<aaaaaaaè` + strings.Repeat("z", 50) + `>"}`,
		`{"a":["8=2-2+è|51=",0,2]}`,
	},
	"other text": {
		`{"a":"` + strings.Repeat("x", 70) + `"}`, `{"a":"` + strings.Repeat("y", 70) + `"}`,
		`{"a":"` + strings.Repeat("y", 70) + `"}`,
	},
	"short text": {`{"a":"the quick brown fox, 1"}`, `{"a":"the quick brown fox, 2"}`, `{"a":"the quick brown fox, 2"}`},
}

func TestDiffWritesTheProtocolsExamples(t *testing.T) {
	for name, x := range examples {
		t.Run(name, func(t *testing.T) {
			got, err := delta.Diff([]byte(x.old), []byte(x.updated))
			if err != nil || string(got) != x.delta {
				t.Errorf("Diff(%s, %s) = %s, %v, want %s", x.old, x.updated, got, err, x.delta)
			}
		})
	}
}

func TestApplyReadsTheProtocolsExamples(t *testing.T) {
	for name, x := range examples {
		t.Run(name, func(t *testing.T) {
			got, err := delta.Apply([]byte(x.old), []byte(x.delta))
			if err != nil || !sameValue(t, got, x.updated) {
				t.Errorf("Apply(%s, %s) = %s, %v, want %s", x.old, x.delta, got, err, x.updated)
			}
		})
	}
}

func sameValue(t *testing.T, a []byte, b string) bool {
	t.Helper()
	x, err := document.ParseValue(a, 0)
	if err != nil {
		t.Fatalf("the result %s: %v", a, err)
	}
	y, err := document.ParseValue([]byte(b), 0)
	return err == nil && document.SameValue(x, y)
}

func TestApplyTakesEveryForm(t *testing.T) {
	wound := `"to wound the autumnal city. So howled out for the world to give him a name.  ` +
		`The in-dark answered with the wind."`
	for name, x := range map[string]struct{ old, delta, want string }{
		"several operations": {
			wound, `["1-1+T|12=5-4+eter|13=3+he |37=1-3+its|6=1-27=4-5=",0,2]`,
			`"To wound the eternal city. So he howled out for the world to give him its name. ` +
				`The in-dark answered with wind."`,
		},
		"text that looks like operations": {`{"a":"xy"}`, `{"a":["1=5+3+|2=|1=",0,2]}`, `{"a":"x3+|2=y"}`},
		"text with escapes":               {`{"a":"\u00e9\n"}`, `{"a":["2=1+\t|1=",0,2]}`, `{"a":"é\t\n"}`},
		"half a surrogate pair stays":     {`{"a":"\ud83dx"}`, `{"a":["3=1-1+y|",0,2]}`, `{"a":"\ud83dy"}`},
		"empty text patch":                {`{"a":""}`, `{"a":["",0,2]}`, `{"a":""}`},
		"old and new":                     {`{"a":1}`, `{"a":[1,{"b":2}]}`, `{"a":{"b":2}}`},
		"deletion of three":               {`{"a":1,"b":2}`, `{"a":[1,0,0]}`, `{"b":2}`},
		"everything replaced":             {`{"a":1}`, `[{"b":2}]`, `{"b":2}`},
		"no change of a scalar":           {`{"a":1}`, `{"a":{}}`, `{"a":1}`},
		"no change of nothing":            {`{"a":1}`, `{"b":{}}`, `{"a":1}`},
		"order and number text are kept":  {`{"z":1.50,"y":[1e2],"a":0}`, `{"b":[[]],"y":{"1-":[2]},"a":1}`, `{"z":1.50,"y":[1e2,2],"a":1,"b":[]}`},
		"item before cut":                 {`[1,2,3]`, `{"1":9,"1-":[7]}`, `[1,9,3]`},
		"items after the end":             {`[1]`, `{"1-":[[],{}]}`, `[1,[],{}]`},
		"items that are not there":        {`[1]`, `{"7":5,"x":6}`, `[1]`},
		"escaped keys":                    {`{"\u0061":1}`, `{"a":2}`, `{"\u0061":2}`},
		"whitespace":                      {` { "a" : 1 } `, "\n{ \"a\" : [ 2 ] }", `{"a":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := delta.Apply([]byte(x.old), []byte(x.delta))
			if err != nil || string(got) != x.want {
				t.Errorf("Apply(%s, %s) = %s, %v, want %s", x.old, x.delta, got, err, x.want)
			}
		})
	}
}

func TestApplyReachesTheDeepestLevel(t *testing.T) {
	deepest := strings.Repeat("[", document.MaxDepth-1) + strings.Repeat("]", document.MaxDepth-1)
	got, err := delta.Apply([]byte(`{}`), []byte(`{"a":[`+deepest+`]}`))
	if want := `{"a":` + deepest + `}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestApplyRefusesCorruptDeltas(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 102) + `1` + strings.Repeat(`}`, 102)
	for name, x := range map[string]struct{ old, delta string }{
		"no JSON":                       {`{}`, `{`},
		"empty":                         {`{}`, ``},
		"scalar at the top":             {`{}`, `1`},
		"deletion at the top":           {`{}`, `[]`},
		"deletion of three at the top":  {`{}`, `[{},0,0]`},
		"duplicate keys":                {`{"a":1}`, `{"a":2,"a":3}`},
		"parts of a scalar":             {`{"a":1}`, `{"a":{"b":1}}`},
		"parts of nothing":              {`{}`, `{"a":{"b":1}}`},
		"deletion of nothing":           {`{}`, `{"a":[]}`},
		"replacement of nothing":        {`{}`, `{"a":[1,2]}`},
		"deletion of three of nothing":  {`{}`, `{"a":[1,0,0]}`},
		"deletion of an item":           {`[1,2]`, `{"0":[]}`},
		"text patch of nothing":         {`{}`, `{"a":["1+x|",0,2]}`},
		"text patch of a number":        {`{"a":1}`, `{"a":["1+x|",0,2]}`},
		"text patch that is a number":   {`{"a":"x"}`, `{"a":[1,0,2]}`},
		"move":                          {`{"a":1}`, `{"a":["",1,3]}`},
		"four items":                    {`{"a":1}`, `{"a":[1,0,0,0]}`},
		"tail that is no array":         {`[1,2]`, `{"1-":3}`},
		"tail of the end":               {`[1,2]`, `{"2-":{}}`},
		"text not consumed":             {`{"a":"abc"}`, `{"a":["2=",0,2]}`},
		"text over the end":             {`{"a":"abc"}`, `{"a":["4=",0,2]}`},
		"skip over the end":             {`{"a":"abc"}`, `{"a":["4-",0,2]}`},
		"insertion over the end":        {`{"a":""}`, `{"a":["5+abc|",0,2]}`},
		"insertion without end":         {`{"a":""}`, `{"a":["3+abc",0,2]}`},
		"wrong count":                   {`{"a":""}`, `{"a":["2+abc|",0,2]}`},
		"no count":                      {`{"a":"abc"}`, `{"a":["=",0,2]}`},
		"negative count":                {`{"a":"abc"}`, `{"a":["-1=",0,2]}`},
		"huge count":                    {`{"a":"abc"}`, `{"a":["99999999999999999999=",0,2]}`},
		"unknown operation":             {`{"a":"abc"}`, `{"a":["3*",0,2]}`},
		"only a count":                  {`{"a":"abc"}`, `{"a":["3",0,2]}`},
		"a character is split":          {`{"a":"é"}`, `{"a":["1=1-",0,2]}`},
		"too deep":                      {`{}`, deep},
		"too deep by its nested values": {`{}`, `{"a":[` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := delta.Apply([]byte(x.old), []byte(x.delta))
			if !errors.Is(err, fault.CorruptDelta) {
				t.Errorf("Apply(%s, %.90s) = %s, %v, want a corrupt delta", x.old, x.delta, got, err)
			}
		})
	}
}

func TestMalformedBodiesAreTheirOwnError(t *testing.T) {
	_, errOld := delta.Diff([]byte(`{`), []byte(`{}`))
	_, errNew := delta.Diff([]byte(`{}`), []byte(`{`))
	_, errBase := delta.Apply([]byte(`{`), []byte(`{}`))
	for i, err := range []error{errOld, errNew, errBase} {
		if !errors.Is(err, fault.BadJSON) {
			t.Errorf("case %d: got %v, want malformed JSON", i, err)
		}
	}
}

func TestTextPatchFindsSeveralChanges(t *testing.T) {
	line := "All work and no play makes Jack a dull boy, said line number "
	var old, updated strings.Builder
	for i := range 30 {
		old.WriteString(line + string(rune('0'+i)) + ". ")
		updated.WriteString(line + string(rune('0'+i)))
		if i%10 == 5 {
			updated.WriteString(" – twice, as it happens")
		}
		updated.WriteString(". ")
	}
	o, n := []byte(`{"text":"`+old.String()+`"}`), []byte(`{"text":"`+updated.String()+`"}`)
	d, err := delta.Diff(o, n)
	if err != nil || len(d) > 200 {
		t.Fatalf("Diff gives %d bytes for three insertions, %v: %s", len(d), err, d)
	}
	if got, err := delta.Apply(o, d); err != nil || string(got) != string(n) {
		t.Fatalf("Apply(%s) = %s, %v", d, got, err)
	}
}
