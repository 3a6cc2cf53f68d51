package house_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// typedPackage is a package of ours without its tests, read and checked.
type typedPackage struct {
	dir   string
	from  *sources
	files []*ast.File
	info  types.Info
	types *types.Package
}

// typed reads packages of ours, and checks them.
func typed(t *testing.T, pattern string) []*typedPackage {
	t.Helper()
	s, err := everything()
	if err != nil {
		t.Fatal(err)
	}
	var all []*typedPackage
	for _, path := range slices.Sorted(maps.Keys(s.listed)) {
		name, ours := cutModule(path)
		above, tree := strings.CutSuffix(pattern, "/...")
		if !ours || name != above && !(tree && strings.HasPrefix(name, above+"/")) || len(s.listed[path].GoFiles) == 0 {
			continue
		}
		if _, err := s.read(path); err != nil {
			t.Fatal(err)
		}
		all = append(all, s.ours[path])
	}
	if len(all) == 0 {
		t.Fatalf("%s is no package of ours", pattern)
	}
	return all
}

// examples returns the files of examples of a package.
func (p *typedPackage) examples(t *testing.T) *typedPackage {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "example*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		files[i] = filepath.Base(file)
	}
	examples, err := p.from.check(listed{ImportPath: p.types.Path() + "_test", Dir: p.dir, GoFiles: files}, true)
	if err != nil {
		t.Fatal(err)
	}
	return examples
}

// position returns where something stands.
func (p *typedPackage) position(at interface{ Pos() token.Pos }) token.Position {
	return p.from.set.Position(at.Pos())
}

// file returns the name of the file that something is in.
func (p *typedPackage) file(at interface{ Pos() token.Pos }) string {
	return filepath.Base(p.position(at).Filename)
}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir string
	GoFiles         []string
	ImportMap       map[string]string // the path of a vendored package, by the one in the source
}

// sources checks packages from their text. The compiler's account of them would take a build of all, and the
// build that runs these tests is with the race detector, and another one.
type sources struct {
	set     *token.FileSet
	listed  map[string]listed         // by path
	checked map[string]*types.Package // by path
	ours    map[string]*typedPackage  // by path
}

// everything lists the packages of the module, and what they import. It reads none yet.
var everything = sync.OnceValues(func() (*sources, error) { //nolint:gochecknoglobals // tests share what one has read
	s := &sources{
		set: token.NewFileSet(), listed: map[string]listed{},
		checked: map[string]*types.Package{"unsafe": types.Unsafe}, ours: map[string]*typedPackage{},
	}
	return s, s.list(module + "/...")
})

// list asks go list for packages, and what they import. Without cgo all text is Go.
func (s *sources) list(pattern string) error {
	command := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,GoFiles,ImportMap", pattern)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("output of %s: %w", command, err)
		}
		s.listed[p.ImportPath] = p
	}
}

// read returns a package, which it checks at the first time: one of ours as a whole, another one without the
// bodies of its functions.
func (s *sources) read(path string) (*types.Package, error) {
	if p := s.checked[path]; p != nil {
		return p, nil
	}
	if _, known := s.listed[path]; !known { // only tests import it
		if err := s.list(path); err != nil {
			return nil, err
		}
	}
	_, isOurs := cutModule(path)
	p, err := s.check(s.listed[path], isOurs)
	if err != nil {
		return nil, err
	}
	s.checked[path] = p.types
	if isOurs {
		s.ours[path] = p
	}
	return p.types, nil
}

// check reads files of a package, and checks them.
func (s *sources) check(l listed, bodies bool) (*typedPackage, error) {
	p := &typedPackage{dir: l.Dir, from: s}
	if bodies {
		p.info = types.Info{
			Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{},
		}
	}
	for _, name := range l.GoFiles {
		file, err := parser.ParseFile(s.set, filepath.Join(l.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", l.ImportPath, err)
		}
		p.files = append(p.files, file)
	}
	config := types.Config{
		IgnoreFuncBodies: !bodies,
		Sizes:            types.SizesFor("gc", runtime.GOARCH),
		Importer:         importing(func(path string) (*types.Package, error) { return s.read(cmp.Or(l.ImportMap[path], path)) }),
	}
	var err error
	if p.types, err = config.Check(l.ImportPath, s.set, p.files, &p.info); err != nil {
		return nil, fmt.Errorf("check %s: %w", l.ImportPath, err)
	}
	return p, nil
}

// importing is how a package finds what it imports.
type importing func(path string) (*types.Package, error)

func (i importing) Import(path string) (*types.Package, error) { return i(path) }
