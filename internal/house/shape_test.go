package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// shape is how much of a type a reader has to hold in mind.
type shape struct {
	name   string
	fields int      // of a struct, embedded ones as one each
	files  []string // that hold its methods
}

// TestNoTypeIsAMaze bounds the types of replication: the fields of a struct, and the files over which its methods
// are spread. The push was once a struct of 32 fields with methods in seven files.
func TestNoTypeIsAMaze(t *testing.T) {
	const mostFields, mostFiles = 15, 3
	fields, files := new(shape), new(shape)
	for _, s := range shapes(t, "internal/replication") {
		if s.fields > mostFields || len(s.files) > mostFiles {
			t.Errorf("%s has %d fields and methods in %v; want at most %d fields, and %d files",
				s.name, s.fields, s.files, mostFields, mostFiles)
		}
		if s.fields > fields.fields {
			fields = s
		}
		if len(s.files) > len(files.files) {
			files = s
		}
	}
	t.Logf("most fields: %d, of %s; most files: %d, of %s", fields.fields, fields.name, len(files.files), files.name)
}

// shapes returns the types of the packages at and below folder, without tests.
func shapes(t *testing.T, folder string) (all []*shape) {
	t.Helper()
	types := make(map[string]*shape)
	of := func(file, name string) *shape {
		name = path.Dir(file) + "." + name
		if types[name] == nil {
			types[name] = &shape{name: name}
			all = append(all, types[name])
		}
		return types[name]
	}
	for name, text := range tracked(t, folder+"/*.go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if receiver := receiverOf(decl); receiver != "" {
					if s := of(name, receiver); !slices.Contains(s.files, path.Base(name)) {
						s.files = append(s.files, path.Base(name))
					}
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					if spec, ok := spec.(*ast.TypeSpec); ok {
						of(name, spec.Name.Name).fields = fieldsOf(spec)
					}
				}
			}
		}
	}
	return all
}

// receiverOf returns the type that a method is one of, "" for a function.
func receiverOf(decl *ast.FuncDecl) string {
	if decl.Recv == nil {
		return ""
	}
	name := ""
	ast.Inspect(decl.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return name
}

func fieldsOf(spec *ast.TypeSpec) (n int) {
	s, ok := spec.Type.(*ast.StructType)
	if !ok {
		return 0
	}
	for _, field := range s.Fields.List {
		n += max(1, len(field.Names))
	}
	return n
}
