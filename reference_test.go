package tandem_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// What is an alias of an internal type has no members in the reference: its comment names them.
func TestTheReferenceNamesEveryMember(t *testing.T) { // P-08
	members := map[string]reflect.Type{
		"DocumentState": nil, "Domain": nil, "PeerChange": nil, "TLSUsage": nil, // constants
		"DiscoveredPeer": reflect.TypeFor[tandem.DiscoveredPeer](),
		"DiscoveryEvent": reflect.TypeFor[tandem.DiscoveryEvent](),
		"Error":          reflect.TypeFor[tandem.Error](),
		"PeerBrowser":    reflect.TypeFor[*tandem.PeerBrowser](),
		"QueryError":     reflect.TypeFor[tandem.QueryError](),
		"Refusal":        reflect.TypeFor[tandem.Refusal](),
		"TLSIdentity":    reflect.TypeFor[*tandem.TLSIdentity](),
	}
	for _, found := range aliases(t) {
		kind, known := members[found.Name]
		if !known {
			t.Errorf("%s is an alias that this test does not know", found.Name)
		}
		for _, name := range exported(kind) {
			if !regexp.MustCompile(`(?m)^\t` + name + `\b`).MatchString(found.Doc) {
				t.Errorf("the comment of %s does not name %s", found.Name, name)
			}
		}
	}
}

// aliases returns the package's aliases of types of other packages.
func aliases(t *testing.T) (found []*doc.Type) {
	t.Helper()
	files := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	check(t, err)
	var parsed []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		check(t, err)
		parsed = append(parsed, file)
	}
	reference, err := doc.NewFromFiles(files, parsed, "github.com/tandemdb/tandem")
	check(t, err)
	for _, kind := range reference.Types {
		if kind.Decl.Specs[0].(*ast.TypeSpec).Assign.IsValid() {
			found = append(found, kind)
		}
	}
	return found
}

// exported lists the fields and methods of a type; nil has none.
func exported(kind reflect.Type) (names []string) {
	if kind == nil {
		return nil
	}
	for i := range kind.NumMethod() {
		names = append(names, kind.Method(i).Name)
	}
	if kind.Kind() == reflect.Struct {
		for i := range kind.NumField() {
			if field := kind.Field(i); field.IsExported() {
				names = append(names, field.Name)
			}
		}
	}
	return names
}
