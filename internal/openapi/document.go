package openapi

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// where is the address of the document within the schema compiler.
const where = "file:///openapi.json"

// Document is an OpenAPI document. Its methods are safe for concurrent use.
type Document struct {
	templates []template
	schemas   map[string]*jsonschema.Schema // by JSON pointer
}

// Route is an operation: a method and a path with {parameters}.
type Route struct{ Method, Path string }

func (r Route) String() string { return r.Method + " " + r.Path }

// template is a path of the document.
type template struct {
	path       string
	segments   []string
	operations map[string]*operation // by method
}

// operation has the answers of one route, by status.
type operation struct {
	answers map[string]*answer
}

// answer is what one status promises.
type answer struct {
	types   map[string]string // of content, to JSON pointers of schemas
	headers []string          // that are required
}

// Parse reads a document. It closes each schema that lists properties and does not say what else
// may be there: an unknown member is then a fault.
func Parse(text []byte) (*Document, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read OpenAPI document: %w", err)
	}
	closeSchemas(root)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource(where, root); err != nil {
		return nil, err
	}
	r := reader{root: root, compiler: compiler, doc: &Document{schemas: make(map[string]*jsonschema.Schema)}}
	paths := member(root, "paths")
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if err := r.path(path, member(paths, path)); err != nil {
			return nil, fmt.Errorf("path %s: %w", path, err)
		}
	}
	return r.doc, nil
}

// Routes returns all operations, by path and method.
func (d *Document) Routes() []Route {
	var all []Route
	for _, t := range d.templates {
		for _, method := range slices.Sorted(maps.Keys(t.operations)) {
			all = append(all, Route{method, t.path})
		}
	}
	return all
}

// closeSchemas forbids members that schemas do not list.
func closeSchemas(value any) {
	switch v := value.(type) {
	case map[string]any:
		_, lists := v["properties"].(map[string]any)
		_, says := v["additionalProperties"]
		if lists && !says && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			closeSchemas(inner)
		}
	case []any:
		for _, inner := range v {
			closeSchemas(inner)
		}
	}
}

// reader turns the document's text into templates and compiled schemas.
type reader struct {
	root     any
	compiler *jsonschema.Compiler
	doc      *Document
}

func (r *reader) path(path string, item map[string]any) error {
	t := template{path: path, segments: strings.Split(path, "/"), operations: make(map[string]*operation)}
	for _, method := range []string{"get", "head", "put", "post", "patch", "delete", "options"} {
		if item[method] == nil {
			continue
		}
		op := &operation{answers: make(map[string]*answer)}
		place := "/paths/" + escape(path) + "/" + method + "/responses"
		for status := range member(item, method, "responses") {
			a, err := r.answer(place + "/" + status)
			if err != nil {
				return fmt.Errorf("%s, status %s: %w", method, status, err)
			}
			op.answers[status] = a
		}
		t.operations[strings.ToUpper(method)] = op
	}
	r.doc.templates = append(r.doc.templates, t)
	return nil
}

// answer reads the response at a JSON pointer.
func (r *reader) answer(place string) (*answer, error) {
	response := r.at(place)
	if target, ok := response["$ref"].(string); ok {
		place = strings.TrimPrefix(target, "#")
		if response = r.at(place); response == nil {
			return nil, fmt.Errorf("there is no %s", target)
		}
	}
	a := &answer{types: make(map[string]string)}
	for name := range member(response, "headers") {
		if must, _ := member(response, "headers", name)["required"].(bool); must {
			a.headers = append(a.headers, name)
		}
	}
	for kind := range member(response, "content") {
		pointer := place + "/content/" + escape(kind) + "/schema"
		if err := r.compile(pointer); err != nil {
			return nil, err
		}
		a.types[kind] = pointer
	}
	return a, nil
}

func (r *reader) compile(pointer string) error {
	if r.doc.schemas[pointer] != nil {
		return nil
	}
	schema, err := r.compiler.Compile(where + "#" + fragment(pointer))
	r.doc.schemas[pointer] = schema
	return err
}

// at returns the object at a JSON pointer, nil if there is none.
func (r *reader) at(pointer string) map[string]any {
	names := strings.Split(pointer, "/")[1:]
	for i, name := range names {
		names[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	}
	return member(r.root, names...)
}

// member returns the object within value by the names on the way, nil if there is none.
func member(value any, names ...string) map[string]any {
	object, _ := value.(map[string]any)
	for _, name := range names {
		object, _ = object[name].(map[string]any)
	}
	return object
}

// escape writes a name for use in a JSON pointer.
func escape(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// fragment writes a JSON pointer for use in a URL.
func fragment(pointer string) string {
	return strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D", " ", "%20").Replace(pointer)
}
