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

// Many is the number of arguments of a function that takes any number.
const Many = 1 << 20

// Version changes with what some function gives for the same arguments, or how a path finds a property. It has the
// version of Unicode, whose tables come with Go.
const Version = "1 of " + unicode.Version

// Function is a function of queries.
type Function struct {
	Name       string // in lower case
	Least      int    // how many arguments it has to have
	Most       int    // and may have
	Boolean    bool   // gives only booleans, NULL and MISSING
	Local      bool   // depends on the time zone, and so cannot be indexed
	Passes     bool   // may give one of its arguments
	Collatable bool   // takes the collation of the expression it is in

	call func(env Env, args []value.Value) (value.Value, error)
}

// Env is what functions depend on beside their arguments.
type Env struct {
	Location  *time.Location // of dates without a zone; nil means UTC
	Collation collation.Collation
}

// Call calls f with as many arguments as it takes. An error is for a person: it fails the query.
func (f *Function) Call(env Env, args []value.Value) (value.Value, error) { return f.call(env, args) }

// Find returns the function of a name in lower case, nil if there is none.
func Find(name string) *Function { return all[name] }

// All returns the functions by name.
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

// all has the functions by their names and synonyms.
var all = func() map[string]*Function {
	m := map[string]*Function{}
	for _, group := range [][]*Function{texts, regexps, numbers, arrays, conditionals, types, dates} {
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

// strict makes a function that is only called when no argument is MISSING or NULL.
func strict(name string, least, most int, call func(args []value.Value) value.Value) *Function {
	return &Function{Name: name, Least: least, Most: most, call: func(_ Env, args []value.Value) (value.Value, error) {
		if v, absent := firstAbsent(args); absent {
			return v, nil
		}
		return call(args), nil
	}}
}

// firstAbsent returns MISSING if an argument is, else NULL if one is.
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

// lenient makes a function that gets all arguments as they are.
func lenient(name string, least, most int, call func(args []value.Value) value.Value) *Function {
	return &Function{Name: name, Least: least, Most: most, call: func(_ Env, args []value.Value) (value.Value, error) {
		return call(args), nil
	}}
}

// passing marks a function that may give one of its arguments.
func passing(f *Function) *Function {
	f.Passes = true
	return f
}

// predicate marks a function that gives booleans.
func predicate(f *Function) *Function {
	f.Boolean = true
	return f
}
