package openapi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Answer is an HTTP answer to check.
type Answer struct {
	Method string
	Path   string // escaped
	Status int
	Header http.Header
	Body   []byte
	Cut    bool // the server ended the connection in the middle of the body
}

// Check reports what of an answer the document does not describe. A path that no template matches,
// and a method that the path does not have, may be answered with an error alone.
func (d *Document) Check(a Answer) error {
	op, known := d.operation(a.Method, a.Path)
	if op == nil && !known && a.Status == http.StatusMethodNotAllowed {
		return nil
	}
	if op == nil {
		if a.Status < 400 {
			return fmt.Errorf("%s %s answers %d: the document has no such route", a.Method, a.Path, a.Status)
		}
		return nil
	}
	said := op.answers[strconv.Itoa(a.Status)]
	if said == nil {
		return fmt.Errorf("%s %s answers %d, which the document does not name", a.Method, a.Path, a.Status)
	}
	if err := d.checkAnswer(said, a); err != nil {
		return fmt.Errorf("%s %s answers %d: %w", a.Method, a.Path, a.Status, err)
	}
	return nil
}

// operation finds the operation for a path. Among templates that match, the one wins whose first
// differing segment is literal. known reports whether a template matches.
func (d *Document) operation(method, path string) (op *operation, known bool) {
	var best *template
	segments := strings.Split(path, "/")
	for len(segments) > 2 && segments[len(segments)-1] == "" { // a trailing slash says nothing
		segments = segments[:len(segments)-1]
	}
	for i, t := range d.templates {
		if t.matches(segments) && (best == nil || t.literal() > best.literal()) {
			best = &d.templates[i]
		}
	}
	if best == nil {
		return nil, false
	}
	return best.operations[method], true
}

func (t *template) matches(segments []string) bool {
	if n := len(t.segments); len(segments) > n && t.segments[n-1] == "{key}" { // slashes in it may be unescaped
		segments = append(slices.Clone(segments[:n-1]), strings.Join(segments[n-1:], "/"))
	}
	if len(segments) != len(t.segments) {
		return false
	}
	for i, want := range t.segments {
		if got := segments[i]; strings.HasPrefix(want, "{") {
			if got == "" || i == 1 && strings.HasPrefix(got, "_") {
				return false
			}
		} else if got != want {
			return false
		}
	}
	return true
}

// literal counts the segments that are not parameters.
func (t *template) literal() (n int) {
	for _, s := range t.segments {
		if !strings.HasPrefix(s, "{") {
			n++
		}
	}
	return n
}

func (d *Document) checkAnswer(said *answer, a Answer) error {
	for _, name := range said.headers {
		if a.Header.Get(name) == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	if len(said.types) == 0 {
		if len(a.Body) > 0 && a.Method != http.MethodHead {
			return fmt.Errorf("a body of %d bytes, where none belongs", len(a.Body))
		}
		return nil
	}
	kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("content type %q: %w", a.Header.Get("Content-Type"), err)
	}
	pointer, ok := said.types[kind]
	if !ok {
		pointer, ok = said.types["*/*"]
	}
	if !ok {
		return fmt.Errorf("the content type %s, which the document does not name", kind)
	}
	if a.Method == http.MethodHead {
		return nil
	}
	return checkBody(d.schemas[pointer], kind, a)
}

// checkBody checks a JSON text, or each one of a stream.
func checkBody(schema *jsonschema.Schema, kind string, a Answer) error {
	switch kind {
	case "application/json":
		if a.Cut {
			return nil // no valid JSON, on purpose
		}
		return checkJSON(schema, a.Body)
	case "application/x-ndjson", "text/event-stream":
		for _, text := range texts(kind, a) {
			if err := checkJSON(schema, text); err != nil {
				return err
			}
		}
		return nil
	case "text/plain":
		return schema.Validate(strings.TrimSuffix(string(a.Body), "\n"))
	}
	return nil // bytes
}

// texts returns the JSON texts of a stream; a last one that was cut off does not count.
func texts(kind string, a Answer) (all [][]byte) {
	body := a.Body
	if end := bytes.LastIndexByte(body, '\n'); a.Cut {
		body = body[:end+1]
	}
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, len(body)+1)
	for lines.Scan() {
		line := lines.Bytes()
		if kind == "text/event-stream" {
			data, ok := bytes.CutPrefix(line, []byte("data: "))
			if !ok {
				continue
			}
			line = data
		}
		if len(line) > 0 {
			all = append(all, bytes.Clone(line))
		}
	}
	return all
}

func checkJSON(schema *jsonschema.Schema, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("no JSON: %w: %.200q", err, text)
	}
	if err := schema.Validate(value); err != nil {
		return errors.Join(err, fmt.Errorf("in %.500s", text))
	}
	return nil
}
