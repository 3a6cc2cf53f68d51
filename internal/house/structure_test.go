package house_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Bounds of internal/replication and the packages below it.
const (
	mostFields   = 15 // of a struct type
	mostFiles    = 3  // that declare methods of one type
	mostRoleIfs  = 5  // conditions that ask for the role
	mostArrowsUp = 10 // from a file to one above it, in internal/replication
)

// leastStoreTests is how many lines of tests internal/store has at least for one of code.
const leastStoreTests = 1.0

// TestTypesAreSmall counts the fields of each struct type, an embedded one as one, and the files that declare
// methods of a type. Test files do not count.
func TestTypesAreSmall(t *testing.T) {
	fields, files := 0, 0
	var widest, longest string
	for _, p := range typed(t, "internal/replication/...") {
		for _, name := range p.types.Scope().Names() {
			object, ok := p.types.Scope().Lookup(name).(*types.TypeName)
			if !ok || object.IsAlias() {
				continue
			}
			called := p.types.Name() + "." + name
			if s, ok := object.Type().Underlying().(*types.Struct); ok {
				if n := s.NumFields(); n > mostFields {
					t.Errorf("%s has %d fields, want at most %d", called, n, mostFields)
				} else if n > fields {
					fields, widest = n, called
				}
			}
			if in := p.filesOfMethods(object); len(in) > mostFiles {
				t.Errorf("the methods of %s are in %v, want at most %d files", called, in, mostFiles)
			} else if len(in) > files {
				files, longest = len(in), called
			}
		}
	}
	t.Logf("most fields: %d (%s); most files with methods of one type: %d (%s)", fields, widest, files, longest)
}

// TestRolesAreAskedForSeldom counts the conditions that ask for the role in place of leaving the decision to it:
// an if, or the case of a switch, with a call of a method of a role's interface that returns a bool, or with a
// comparison of a field for a role, or for what one role alone has, with nil. Each package has its own bound.
func TestRolesAreAskedForSeldom(t *testing.T) {
	for _, p := range typed(t, "internal/replication/...") {
		var found []string
		for _, file := range p.files {
			for _, condition := range conditions(file) {
				ast.Inspect(condition, func(n ast.Node) bool {
					if p.asksForRole(n) {
						found = append(found, fmt.Sprintf("%s:%d", p.file(n), p.position(n).Line))
					}
					return true
				})
			}
		}
		t.Logf("%s asks for the role %d times: %v", p.types.Name(), len(found), found)
		if len(found) > mostRoleIfs {
			t.Errorf("%s asks for the role %d times, want at most %d: %v", p.types.Name(), len(found), mostRoleIfs, found)
		}
	}
}

// ofRole are the types of what a session has in one role: the roles, and what only one of them has.
var ofRole = []string{"role", "leader", "host", "pullSide", "hearing", "accepting", "side", "proposing", "offering", "pushSide", "Role", "Active", "Passive", "checkpointer"}

// TestFilesPointDownwards counts the arrows that run back up. There is one from a file to another if it uses a
// function, method, type, field, variable or constant that the other declares, however often. The files stand
// in the order in which the package comment lists them.
func TestFilesPointDownwards(t *testing.T) {
	p := typed(t, "internal/replication")[0]
	order := readingOrder(t, filepath.Join(p.dir, "doc.go"))
	up, all := map[string]bool{}, map[string]bool{}
	for use, object := range p.info.Uses {
		if object.Pkg() != p.types || !object.Pos().IsValid() {
			continue
		}
		from, to := p.file(use), p.file(object)
		if from == to {
			continue
		}
		arrow := from + " → " + to
		all[arrow] = true
		if order[to] < order[from] {
			up[arrow] = true
		}
	}
	for _, file := range p.files {
		if name := p.file(file); order[name] == 0 && name != "doc.go" {
			t.Errorf("%s is not in the reading order of doc.go: put it above what it uses", name)
		}
	}
	list := make([]string, 0, len(up))
	for arrow := range up {
		list = append(list, arrow)
	}
	slices.Sort(list)
	t.Logf("%d of %d arrows run back up: %s", len(up), len(all), strings.Join(list, ", "))
	if len(up) > mostArrowsUp {
		t.Errorf("%d arrows run back up, want at most %d: %s", len(up), mostArrowsUp, strings.Join(list, ", "))
	}
}

// TestTheStoreIsTestedAsMuchAsItIsWritten compares the lines of internal/store's tests, and of the package
// storetest that only tests use, with those of its code. Comments and empty lines count in both. The other
// packages below internal/store have code and tests of their own, and do not count.
func TestTheStoreIsTestedAsMuchAsItIsWritten(t *testing.T) {
	const at = "internal/store"
	tests, code := 0, 0
	for name, text := range tracked(t, at+"/*.go") {
		lines := strings.Count(string(text), "\n")
		switch folder := path.Dir(name); {
		case folder == at+"/storetest", folder == at && strings.HasSuffix(name, "_test.go"):
			tests += lines
		case folder == at:
			code += lines
		}
	}
	ratio := float64(tests) / float64(code)
	t.Logf("lines of tests, storetest included, to lines of code in %s: %d to %d, %.2f", at, tests, code, ratio)
	if ratio < leastStoreTests {
		t.Errorf("there are %d lines of tests for %d of code, %.2f to one, want at least %.2f", tests, code, ratio, leastStoreTests)
	}
}

// readingOrder reads the list of files in a package comment: where each stands, from 1.
func readingOrder(t *testing.T, doc string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	order := map[string]int{}
	for _, line := range regexp.MustCompile(`(?m)^//\t((?:\w+\.go,? ?)+)`).FindAllStringSubmatch(string(text), -1) {
		for _, name := range strings.FieldsFunc(line[1], func(r rune) bool { return r == ' ' || r == ',' }) {
			order[name] = len(order) + 1
		}
	}
	if len(order) == 0 {
		t.Fatalf("%s lists no files", doc)
	}
	return order
}

func (p *typedPackage) filesOfMethods(object *types.TypeName) []string {
	named, ok := object.Type().(*types.Named)
	if !ok || types.IsInterface(named) {
		return nil
	}
	var in []string
	for method := range named.Methods() {
		in = append(in, p.file(method))
	}
	slices.Sort(in)
	return slices.Compact(in)
}

// conditions returns the conditions of a file: of each if, and of each case of a switch without a value.
func conditions(file *ast.File) []ast.Expr {
	var all []ast.Expr
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			all = append(all, n.Cond)
		case *ast.SwitchStmt:
			for _, clause := range n.Body.List {
				all = append(all, clause.(*ast.CaseClause).List...)
			}
		}
		return true
	})
	return all
}

// asksForRole reports whether an expression is one that TestRolesAreAskedForSeldom counts.
func (p *typedPackage) asksForRole(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		selector, ok := n.Fun.(*ast.SelectorExpr)
		return ok && p.isOfRole(selector.X) && types.IsInterface(p.info.Types[selector.X].Type) && types.Identical(p.info.Types[n].Type, types.Typ[types.Bool])
	case *ast.BinaryExpr:
		_, isField := n.X.(*ast.SelectorExpr)
		return isField && (n.Op == token.EQL || n.Op == token.NEQ) && p.isOfRole(n.X) && p.info.Types[n.Y].IsNil()
	}
	return false
}

func (p *typedPackage) isOfRole(x ast.Expr) bool {
	of := p.info.Types[x].Type
	if pointer, ok := of.(*types.Pointer); ok {
		of = pointer.Elem()
	}
	named, ok := of.(*types.Named)
	return ok && named.Obj().Pkg() != nil && strings.HasPrefix(named.Obj().Pkg().Path(), module+"/internal/replication") &&
		slices.Contains(ofRole, named.Obj().Name())
}
