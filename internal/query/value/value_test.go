package value_test

import (
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/query/value"
)

func TestJSONIsReadAndWrittenInOneForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		` { "b" : [ 1 , 2.0 ] , "a" : "\u0041\n\ud83d\ude00\/" } `: `{"a":"A\n😀/","b":[1,2.0]}`,
		`{"a":1,"a":2}`: `{"a":2}`,
		`[1e2,100,1E-7,-0,18446744073709551615,18446744073709551616]`: `[100.0,100,1e-07,0,18446744073709551615,1.8446744073709552e+19]`,
		`"\ud83d"`: `"` + "\uFFFD" + `"`,
		`[]`:       `[]`,
		`{}`:       `{}`,
		`"\\\""`:   `"\\\""`,
	} {
		if got := string(value.FromJSON([]byte(text)).AppendJSON(nil)); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// texts draws the JSON text of documents.
func texts() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		text, err := json.Marshal(draw(t, 3))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	})
}

func draw(t *rapid.T, depth int) any {
	switch rapid.IntRange(0, 4+min(depth, 2)).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Int64().Draw(t, "int")
	case 3:
		return rapid.Float64Range(-1e9, 1e9).Draw(t, "double")
	case 4:
		return rapid.StringOf(rapid.RuneFrom([]rune{'a', '"', '\\', 'é', '😀', 1, '}', ']'})).Draw(t, "string")
	case 5:
		items := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			items = append(items, draw(t, depth-1))
		}
		return items
	}
	members := map[string]any{}
	for range rapid.IntRange(0, 3).Draw(t, "members") {
		members[rapid.SampledFrom([]string{"a", "b", "é", `"`, `a\`}).Draw(t, "key")] = draw(t, depth-1)
	}
	return members
}

func TestValuesAreWhatAnotherDecoderReads(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := texts().Draw(t, "text")
		var got, want any
		written := value.FromJSON([]byte(text)).AppendJSON(nil)
		if err := json.Unmarshal(written, &got); err != nil {
			t.Fatalf("%s: got %s, which is no JSON: %v", text, written, err)
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %s", text, written)
		}
		if again := value.FromJSON(written).AppendJSON(nil); string(again) != string(written) {
			t.Errorf("%s: got %s once and %s again", text, written, again)
		}
	})
}

func TestAPathIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var path value.Path
		for range rapid.IntRange(0, 4).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "index") {
				path = append(path, value.Index(rapid.IntRange(-9, 9).Draw(t, "at")))
			} else {
				path = append(path, value.Key(rapid.StringOf(rapid.RuneFrom([]rune("a.[]1:é"))).Draw(t, "key")))
			}
		}
		if got := value.ParsePath(path.String()); !reflect.DeepEqual(got, path) {
			t.Errorf("%q: got %v, want %v", path.String(), got, path)
		}
	})
}

func TestAPathLeadsToAPart(t *testing.T) {
	t.Parallel()
	text := `{"a":{"b":[1,{"c":null}]},"q\"":"x","":"empty"}`
	for path, want := range map[string]string{
		".1:a.1:b[0]": "1", ".1:a.1:b[-1].1:c": "null", ".1:a.1:b[-2]": "1", ".1:a.1:b[2]": "", ".1:a.1:b[-3]": "",
		".1:b": "", ".1:a[0]": "", ".1:a.1:b.1:c": "", `.2:q"`: `"x"`, ".0:": `"empty"`, "": text,
	} {
		if got := string(value.ParsePath(path).Find([]byte(text))); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func numbers() *rapid.Generator[value.Value] {
	return rapid.OneOf(
		rapid.Map(rapid.Int64(), value.OfInt),
		rapid.Map(rapid.Float64(), value.OfDouble),
		rapid.Map(rapid.SampledFrom([]float64{1 << 53, 1 << 63, -1 << 63, 1<<53 + 2, .5, 0, math.Inf(1), math.Inf(-1)}), value.OfDouble),
		rapid.Map(rapid.SampledFrom([]int64{1 << 53, 1<<53 + 1, math.MaxInt64, math.MinInt64, 0, 1}), value.OfInt),
	)
}

func TestNumbersAreComparedExactly(t *testing.T) {
	t.Parallel()
	exact := func(v value.Value) *big.Float {
		if v.Kind() == value.Int {
			return new(big.Float).SetPrec(200).SetInt64(v.Int())
		}
		return new(big.Float).SetPrec(200).SetFloat64(v.Float())
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := numbers().Draw(t, "a"), numbers().Draw(t, "b")
		if a.IsMissing() || b.IsMissing() {
			return // NaN
		}
		if got, want := value.Compare(a, b), exact(a).Cmp(exact(b)); got != want {
			t.Errorf("%s and %s: got %d, want %d", a.AppendJSON(nil), b.AppendJSON(nil), got, want)
		}
	})
}

func TestIntegersGoOnAsDoublesAfterAnOverflow(t *testing.T) {
	t.Parallel()
	ops := map[string]struct {
		ours  func(a, b value.Value) value.Value
		exact func(z, a, b *big.Int) *big.Int
	}{
		"+": {value.Add, (*big.Int).Add}, "-": {value.Sub, (*big.Int).Sub}, "*": {value.Mul, (*big.Int).Mul},
	}
	edges := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64, 0, 1, -1, math.MaxInt64 - 1, math.MinInt64 + 1}))
	rapid.Check(t, func(t *rapid.T) {
		a, b := edges.Draw(t, "a"), edges.Draw(t, "b")
		for name, op := range ops {
			got := op.ours(value.OfInt(a), value.OfInt(b))
			want := op.exact(new(big.Int), big.NewInt(a), big.NewInt(b))
			if want.IsInt64() != (got.Kind() == value.Int) || want.IsInt64() && got.Int() != want.Int64() {
				t.Errorf("%d %s %d: got %s, want %s", a, name, b, got.AppendJSON(nil), want)
			}
		}
	})
}
