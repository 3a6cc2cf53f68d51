package house_test

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// TestE7NoExportedTypeIsAnAliasOfAnInternalOne: go doc shows neither its methods nor its fields.
func TestE7NoExportedTypeIsAnAliasOfAnInternalOne(t *testing.T) {
	scope := typed(t, ".")[0].types.Scope()
	for _, name := range scope.Names() {
		object, isType := scope.Lookup(name).(*types.TypeName)
		if !isType || !object.Exported() || !object.IsAlias() {
			continue
		}
		named, isNamed := types.Unalias(object.Type()).(*types.Named)
		if isNamed && strings.Contains(named.Obj().Pkg().Path(), "/internal/") {
			t.Errorf("%s is an alias of %s: define it, so that go doc shows what it has", name, named)
		}
	}
}

// TestEveryExportedNameHasAnExample of the root package, or is used by one: named, or as the type of a value. A
// constant or variable counts with the others of its declaration.
func TestEveryExportedNameHasAnExample(t *testing.T) {
	root := typed(t, ".")[0]
	used := usedByExamples(t, root)
	for _, group := range exported(root) {
		if slices.ContainsFunc(group, func(name string) bool { return slices.Contains(doors, name) }) {
			continue
		}
		if !slices.ContainsFunc(group, func(name string) bool { return used[name] }) {
			t.Errorf("%s is in no example", strings.Join(group, ", "))
		}
	}
}

// doors are the methods of the root package that only packages of this module can call: they take a
// couch.Pass.
var doors = []string{"Collection.Couch", "Change.Closings"}

func TestDoorsAreForThisModuleAlone(t *testing.T) {
	scope := typed(t, ".")[0].types.Scope()
	for _, door := range doors {
		name, method, _ := strings.Cut(door, ".")
		found, _, _ := types.LookupFieldOrMethod(types.NewPointer(scope.Lookup(name).Type()), false, nil, method)
		f, isFunc := found.(*types.Func)
		if !isFunc || f.Signature().Params().Len() != 1 || f.Signature().Params().At(0).Type().String() != module+"/internal/couch.Pass" {
			t.Errorf("%s is not a method that takes a couch.Pass alone", door)
		}
	}
}

// exported lists the exported names of a package, methods as Type.Method, in groups that are declared together.
func exported(p *typedPackage) (groups [][]string) {
	for _, file := range p.files {
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				if name := nameOf(p.info.Defs[d.Name]); d.Name.IsExported() && ast.IsExported(name) && !isImplicit(d.Name.Name) {
					groups = append(groups, []string{name})
				}
			case *ast.GenDecl:
				var group []string
				for _, spec := range d.Specs {
					switch s := spec.(type) {
					case *ast.TypeSpec:
						if s.Name.IsExported() {
							groups = append(groups, []string{s.Name.Name})
						}
					case *ast.ValueSpec:
						for _, name := range s.Names {
							if name.IsExported() {
								group = append(group, name.Name)
							}
						}
					}
				}
				if group != nil {
					groups = append(groups, group)
				}
			}
		}
	}
	return groups
}

// isImplicit reports a method that programs do not call by its name.
func isImplicit(method string) bool {
	return slices.Contains([]string{"String", "Error", "Unwrap", "Format", "MarshalJSON", "UnmarshalJSON", "MarshalText"}, method)
}

// nameOf returns the name of an object, that of a method as Type.Method.
func nameOf(object types.Object) string {
	if f, ok := object.(*types.Func); ok {
		if receiver := f.Signature().Recv(); receiver != nil {
			return typeName(receiver.Type()) + "." + f.Name()
		}
	}
	return object.Name()
}

func typeName(t types.Type) string {
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if named, ok := t.(*types.Named); ok {
		return named.Obj().Name()
	}
	return ""
}

// usedByExamples returns the names that the examples of a package show.
func usedByExamples(t *testing.T, p *typedPackage) map[string]bool {
	t.Helper()
	used := map[string]bool{}
	examples := p.examples(t)
	for _, object := range examples.info.Uses {
		if object.Pkg() != nil && object.Pkg().Path() == module {
			used[nameOf(object)] = true
		}
	}
	for _, value := range examples.info.Types {
		markTypes(value.Type, used)
	}
	for _, file := range examples.files {
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok {
				about, _ := strings.CutPrefix(f.Name.Name, "Example")
				used[strings.ReplaceAll(about, "_", ".")] = true
			}
		}
	}
	return used
}

// markTypes marks the types of the package that a value consists of.
func markTypes(t types.Type, used map[string]bool) {
	switch t := t.(type) {
	case *types.Alias:
		used[t.Obj().Name()] = true
	case *types.Named:
		if t.Obj().Pkg() != nil && t.Obj().Pkg().Path() == module {
			used[t.Obj().Name()] = true
		}
	case *types.Pointer:
		markTypes(t.Elem(), used)
	case *types.Slice:
		markTypes(t.Elem(), used)
	case *types.Tuple:
		for v := range t.Variables() {
			markTypes(v.Type(), used)
		}
	}
}
