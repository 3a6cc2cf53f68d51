package function

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/value"
)

// Many is the largest number of arguments of a function that takes any number.
const Many = 1 << 20

// Version changes when a function may give another result for the same arguments, or a path may
// find another property. It includes the version of Unicode, whose tables come with Go.
const Version = "2 of " + unicode.Version

// Function is a function of queries.
type Function struct {
	Name       string // in lower case
	Least      int    // smallest number of arguments
	Most       int    // largest number of arguments
	Boolean    bool   // returns only booleans, NULL and MISSING
	Local      bool   // depends on the time zone, and therefore cannot be indexed
	Passes     bool   // may return one of its arguments
	Regexp     bool   // its second argument is a regular expression
	Collatable bool   // uses the collation of the surrounding expression

	call func(env Env, args []value.Value) (value.Value, error)
}

// Env is the environment of functions, in addition to their arguments.
type Env struct {
	Location  *time.Location // time zone of dates without one; nil means UTC
	Collation collation.Collation
}

// Call calls f. The number of arguments must be within Least and Most. An error fails the query;
// its text is for people.
func (f *Function) Call(env Env, args []value.Value) (value.Value, error) { return f.call(env, args) }

// Find returns the function with the given lower-case name, or nil.
func Find(name string) *Function { return all[name] }

// All returns the functions in the order of their names.
func All() []*Function {
	list := make([]*Function, 0, len(all))
	for name, f := range all {
		if name == f.Name {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b *Function) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Names returns the names of all functions and their synonyms.
func Names() []string { return slices.Sorted(maps.Keys(all)) }

// all maps names and synonyms to functions.
var all = func() map[string]*Function {
	m := map[string]*Function{}
	for _, group := range [][]*Function{texts, regexps, numbers, arrays, conditionals, types, dates, vectors} {
		for _, f := range group {
			m[f.Name] = f
		}
	}
	for synonym, name := range synonyms {
		m[synonym] = m[name]
	}
	return m
}()

var synonyms = map[string]string{
	"typename": "type",
	"is_array": "isarray", "is_atom": "isatom", "is_boolean": "isboolean", "is_number": "isnumber",
	"is_object": "isobject", "is_string": "isstring",
	"to_array": "toarray", "to_atom": "toatom", "to_boolean": "toboolean", "to_number": "tonumber",
	"to_object": "toobject", "to_string": "tostring",
}

// strict returns a function that is called only if no argument is MISSING or NULL.
func strict(name string, least, most int, call func(args []value.Value) value.Value) *Function {
	return &Function{Name: name, Least: least, Most: most, call: func(_ Env, args []value.Value) (value.Value, error) {
		if v, absent := firstAbsent(args); absent {
			return v, nil
		}
		return call(args), nil
	}}
}

// firstAbsent returns MISSING if an argument is MISSING, else NULL if an argument is NULL.
func firstAbsent(args []value.Value) (v value.Value, absent bool) {
	for _, a := range args {
		switch a.Kind() {
		case value.Missing:
			return a, true
		case value.Null:
			v, absent = a, true
		}
	}
	return v, absent
}

// lenient returns a function that receives all arguments unchecked.
func lenient(name string, least, most int, call func(args []value.Value) value.Value) *Function {
	return &Function{Name: name, Least: least, Most: most, call: func(_ Env, args []value.Value) (value.Value, error) {
		return call(args), nil
	}}
}

// passing marks a function that may return one of its arguments.
func passing(f *Function) *Function {
	f.Passes = true
	return f
}

// predicate marks a function that returns booleans.
func predicate(f *Function) *Function {
	f.Boolean = true
	return f
}
