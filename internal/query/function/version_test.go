package function_test

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"math"
	"slices"
	"testing"
	"unicode"

	"github.com/tandemdb/tandem/internal/query/function"
	"github.com/tandemdb/tandem/internal/query/value"
)

// golden is what all functions give for some arguments, by the version and the one of Unicode.
var golden = map[string]string{
	"2 of 15.0.0": "4c18911b75f67829bb2aef6affdf533f8a3da8167f8bf8b2c6b51129e7995aaf",
}

// Indexes keep what functions give, and are built anew only when the version changes.
func TestTheVersionOfTheFunctionsChangesWithThem(t *testing.T) {
	t.Parallel()
	want, known := golden[function.Version]
	if !known && unicode.Version != "15.0.0" {
		t.Skipf("no results are known with the tables of Unicode %s", unicode.Version)
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(slices.Values(function.Names())) {
		f := function.Find(name)
		for n := f.Least; n <= min(f.Most, f.Least+1, 3); n++ {
			callAll(sum, f, make([]value.Value, n), 0)
		}
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil)); got != want {
		t.Errorf("got %s, want %s: some function gives another result. Raise function.Version, and write the sum of the new one here", got, want)
	}
}

var arguments = []string{
	"", "null", "true", "7", "-2.5", `"aBé ß"`, `" 12 "`, `"2024-02-29T12:00:00+01:00"`, `"day"`, `[3,null,"a",[1]]`, `{"k":1}`, "18446744073709551615",
}

// callAll calls f with all combinations of the arguments from number at on.
func callAll(sum hash.Hash, f *function.Function, args []value.Value, at int) {
	if at < len(args) {
		from := arguments
		if at == 2 {
			from = arguments[2:9]
		}
		for _, text := range from {
			args[at] = value.Value{}
			if text != "" {
				args[at] = value.FromJSON([]byte(text))
			}
			callAll(sum, f, args, at+1)
		}
		return
	}
	v, err := f.Call(function.Env{}, args)
	text := "missing"
	switch {
	case err != nil:
		text = "error" // its text may change
	case v.Kind() == value.Double: // the last digits depend on the processor
		text = fmt.Sprintf("%.9g", v.Float()+math.Copysign(0, 1))
	case !v.IsMissing():
		text = string(v.AppendJSON(nil))
	}
	fmt.Fprintf(sum, "%s %s\n", f.Name, text)
}
