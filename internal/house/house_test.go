package house_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tandemdb/tandem"

// imports says which packages of ours each package may import: those on the floors below.
// A package in a folder of another, as internal/store/x, shares its entry.
var imports = map[string][]string{
	"cmd/tandem":     {".", "rest", "internal/bench", "internal/plainjson", "hub"},
	"examples":       {"."},
	"rest":           {".", "internal/plainjson", "internal/couch", "internal/revision", "internal/users", "internal/throttle", "internal/document", "internal/fault", "failure"},
	"internal/bench": {".", "internal/store"},
	"hub":            {".", "internal/store"},
	".": {
		"internal/replication", "internal/transport", "blip", "internal/store", "internal/seal", "internal/identity",
		"internal/mesh", "internal/mesh/group", "internal/mesh/joining", "internal/couch", "internal/live",
		"internal/discovery", "internal/query", "internal/delta", "internal/document", "internal/revision", "internal/throttle",
		"internal/fault", "failure",
	},
	"internal/replication": {
		"internal/replication/outbox", "internal/replication/wire", "internal/replication/checkpoint",
		"internal/transport", "blip", "internal/store", "internal/delta",
		"internal/document", "internal/revision", "internal/fault",
	},
	"internal/couch":              {"internal/store", "internal/document", "internal/revision", "internal/fault"},
	"internal/replication/outbox": {"internal/replication/wire", "internal/revision", "internal/fault"},
	"internal/replication/wire": {
		"internal/replication/checkpoint", "blip", "internal/document", "internal/revision", "internal/fault",
	},
	"internal/replication/checkpoint": {},
	"internal/transport":              {"blip", "internal/throttle", "internal/fault"},
	"internal/throttle":               {},
	"internal/users":                  {},
	"internal/plainjson":              {},
	"internal/mesh":                   {"internal/mesh/overlay", "internal/discovery", "internal/fault"},
	"internal/mesh/overlay":           {},
	"internal/live":                   {},
	"internal/mesh/group":             {"internal/fault"},
	"internal/mesh/joining":           {"internal/fault"},
	"blip":                            {"internal/fault"},
	"internal/store":                  {"internal/query", "internal/seal", "internal/document", "internal/revision", "internal/fault"},
	"internal/seal":                   {"internal/fault"},
	"internal/identity":               {"internal/fault"},
	"internal/discovery":              {"internal/fault"},
	"internal/delta":                  {"internal/document", "internal/fault"},
	"internal/document":               {"internal/fault"},
	"internal/query":                  {"internal/fault", "failure"},
	"internal/revision":               {"internal/fault"},
	"internal/fault":                  {"failure"},
	"failure":                         {},
	"internal/fuzzing":                {}, // for tests only
	"internal/house":                  {},
	"internal/openapi":                {}, // for tests only
	"internal/soak":                   {}, // tests only

	"interop":               {}, // tests only
	"internal/gatetest":     {}, // for tests only
	"internal/testprogress": {},
	"internal/testsize":     {}, // for tests only
}

// only names the packages that alone may import a library, as a prefix of its path.
var only = map[string]string{
	"github.com/ncruces/go-sqlite3":      "internal/store",
	"github.com/jackc/pgx":               "internal/store",
	"github.com/coder/websocket":         "internal/transport",
	"github.com/hashicorp/mdns":          "internal/discovery",
	"github.com/zalando/go-keyring":      "internal/identity",
	"software.sslmate.com/src/go-pkcs12": "internal/identity",
	"github.com/santhosh-tekuri":         "internal/openapi",
	"github.com/spf13/cobra":             "cmd/tandem",
	"github.com/vbauerster/mpb":          "cmd/tandem",
	"github.com/peterh/liner":            "cmd/tandem",
	"github.com/rivo/uniseg":             "cmd/tandem",
}

func TestImportsPointDownwards(t *testing.T) {
	for _, p := range packages(t) {
		at := floor(p.name())
		allowed, known := imports[at]
		if !known {
			t.Errorf("%s has no entry in this test's table: say what it may import", p.name())
			continue
		}
		for _, imported := range p.Imports {
			name, ours := cutModule(imported)
			if ours && floor(name) != at && !slices.Contains(allowed, floor(name)) {
				t.Errorf("%s imports %s, want only %v", p.name(), name, allowed)
			}
		}
	}
}

// floor returns the entry that a package stands under: its own, or that of the nearest folder above.
func floor(name string) string {
	for at := name; at != "."; at = path.Dir(at) {
		if _, known := imports[at]; known {
			return at
		}
	}
	return name
}

func TestALibraryIsWrappedOnce(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			for library, owner := range only {
				if strings.HasPrefix(imported, library) && floor(p.name()) != owner {
					t.Errorf("%s imports %s, which is for %s alone", p.name(), imported, owner)
				}
			}
		}
	}
}

// A program that imports the library alone is built without the libraries of the command: those that
// the packages of the command import, and no package of the library.
func TestTheLibraryDoesNotPullInTheCommand(t *testing.T) {
	within := make(map[string]bool) // packages that a program with the library is built of
	for path := range strings.FieldsSeq(string(run(t, "go", "list", "-deps", module))) {
		within[path] = true
	}
	library, command := make(map[string]bool), make(map[string]bool)
	for _, p := range packages(t) {
		to := command
		if within[p.ImportPath] {
			to = library
		}
		for _, imported := range p.Imports {
			host, _, _ := strings.Cut(imported, "/")
			if _, ours := cutModule(imported); !ours && strings.Contains(host, ".") {
				to[imported] = true
			}
		}
	}
	for _, name := range []string{"github.com/spf13/cobra", "github.com/vbauerster/mpb/v8"} {
		if !command[name] || library[name] {
			t.Errorf("%s is not found to be a library of the command: this test looks for nothing", name)
		}
	}
	for name := range command {
		if !library[name] && within[name] {
			t.Errorf("the library pulls in %s, which the command needs alone", name)
		}
	}
	for _, apart := range []string{"cmd/tandem", "internal/bench", "rest", "internal/users", "hub", "internal/store/postgres"} {
		if within[module+"/"+apart] {
			t.Errorf("the library pulls in %s", apart)
		}
	}
	// They look for methods by name, so that the linker keeps all exported methods of all types in a program.
	for _, large := range []string{"html/template", "text/template"} {
		if within[large] {
			t.Errorf("the library pulls in %s", large)
		}
	}
}

func TestAPackageOpensWithItsDoc(t *testing.T) {
	for _, p := range packages(t) {
		want := "// Package " + p.Name + " "
		if p.Name == "main" {
			want = "// Command " + filepath.Base(p.Dir) + " "
		}
		text, err := os.ReadFile(filepath.Join(p.Dir, "doc.go"))
		if err != nil {
			t.Errorf("%s has no doc.go: %v", p.name(), err)
			continue
		}
		if first, _, _ := strings.Cut(string(text), "\n"); !strings.HasPrefix(first+" ", want) {
			t.Errorf("%s/doc.go opens with %q, want %q", p.name(), first, want)
		}
	}
}

func TestNoFileIsTooLong(t *testing.T) {
	const most = 600 // lines
	for name, text := range tracked(t, "*.go") {
		if lines := bytes.Count(text, []byte("\n")); lines > most {
			t.Errorf("%s has %d lines, want at most %d: split it by subject", name, lines, most)
		}
	}
}

// The race detector ends a process now and then that runs a bubble on several processors.
func TestBubblesRunOnOneProcessor(t *testing.T) {
	direct := []byte("synctest." + "Test(")
	for name, text := range tracked(t, "*_test.go") {
		if bytes.Contains(text, direct) {
			t.Errorf("%s calls %s): call testsize.Bubble", name, direct)
		}
	}
}

// P-06: a binary needs nothing but the system, since nothing of ours or below it is C.
func TestNothingNeedsCgo(t *testing.T) {
	t.Setenv("CGO_ENABLED", "1") // as otherwise such files are left out in silence
	const cgo = "{{if and .CgoFiles (not .Standard)}}{{.ImportPath}}{{end}}"
	if needs := strings.Fields(string(run(t, "go", "list", "-deps", "-f", cgo, module+"/..."))); len(needs) > 0 {
		t.Errorf("these packages need cgo: %s", needs)
	}
}

// What a reader has to be told before the library serves him on his platform.
func TestTheReadmeTellsWhatPlatformsNeed(t *testing.T) {
	readme := strings.Join(strings.Fields(string(tracked(t, "README.md")["README.md"])), " ")
	for id, statement := range map[string]string{
		"P-01": "no part of it needs a licence key",
		"P-02": "iOS asks for a local-network permission text in the app's bundle",
		"P-03": "Android has to allow clear-text traffic in the manifest",
	} {
		if !strings.Contains(readme, statement) {
			t.Errorf("%s: README.md does not say that %s", id, statement)
		}
	}
}

// TestNoMachinePaths guards against the paths of whoever's machine a file was written on.
func TestNoMachinePaths(t *testing.T) {
	ofMachine := regexp.MustCompile(`(?:^|[^\w.~/$})-])/(?:wo` + `rk|ro` + `ot|Us` + `ers/\w+|ho` + `me/\w+)/`)
	for name, text := range tracked(t, ".") {
		if bytes.ContainsRune(text, 0) {
			continue // not a text
		}
		for i, line := range strings.Split(string(text), "\n") {
			if ofMachine.MatchString(line) {
				t.Errorf("%s:%d names a path of one machine: %.120s", name, i+1, strings.TrimSpace(line))
			}
		}
	}
}

type goPackage struct {
	Name, ImportPath, Dir string
	Imports               []string
}

// name is p's path within the module, "." for the root.
func (p goPackage) name() string {
	name, _ := cutModule(p.ImportPath)
	return name
}

func cutModule(path string) (name string, ours bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// packages lists every package that has more than tests.
func packages(t *testing.T) []goPackage {
	t.Helper()
	output := run(t, "go", "list", "-e", "-json=Name,ImportPath,Dir,Imports", module+"/...")
	var all []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("output of go list: %v", err)
		}
		if p.Name != "" && !strings.HasSuffix(p.Name, "_test") {
			all = append(all, p)
		}
	}
}

// tracked reads the files that git knows and the pattern names, by their path in the tree.
func tracked(t *testing.T, pattern string) map[string][]byte {
	t.Helper()
	root := strings.TrimSpace(string(run(t, "go", "list", "-m", "-f", "{{.Dir}}")))
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skipf("not a git work tree: %v", err)
	}
	files := map[string][]byte{}
	list := strings.Trim(string(run(t, "git", "-C", root, "ls-files", "-z", pattern)), "\x00")
	for name := range strings.SplitSeq(list, "\x00") {
		text, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, and the removal is not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		files[name] = text
	}
	return files
}

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	command := exec.Command(name, args...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return output
}

// largestFile bounds the files of the tree, in bytes. Test data is the largest that people commit; a program
// that was built in the tree is far beyond it, and would stay in the history for ever.
const largestFile = 1 << 20

func TestNoFileIsBuiltOrLarge(t *testing.T) {
	built := [][]byte{[]byte("\x7fELF"), []byte("MZ\x90\x00"), []byte("\xcf\xfa\xed\xfe")} // Linux, Windows, macOS
	for name, text := range tracked(t, "*") {
		isBuilt := slices.ContainsFunc(built, func(magic []byte) bool { return bytes.HasPrefix(text, magic) })
		if isBuilt || len(text) > largestFile {
			t.Errorf("%s has %d bytes (a program: %t), want at most %d and no program", name, len(text), isBuilt, largestFile)
		}
	}
}
