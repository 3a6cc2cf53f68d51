package tandem_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// An alias has no members in the reference of this package: its comment says which package has them.
func TestTheReferenceNamesEveryMember(t *testing.T) { // P-08
	for _, found := range aliases(t) {
		of, ok := found.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.SelectorExpr)
		if !ok {
			continue // of a type of this package
		}
		if from := of.X.(*ast.Ident).Name; !strings.Contains(found.Doc, "package "+from) {
			t.Errorf("the comment of %s does not say that package %s has its members", found.Name, from)
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
