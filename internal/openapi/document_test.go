package openapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/openapi"
)

const text = `{
"openapi": "3.1.0",
"paths": {
  "/{ks}/_all": {"get": {"responses": {
    "200": {"description": "", "content": {
      "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}}},
      "application/x-ndjson": {"schema": {"$ref": "#/components/schemas/Row"}},
      "text/event-stream": {"schema": {"$ref": "#/components/schemas/Row"}}
    }}, "404": {"$ref": "#/components/responses/Error"}}}},
  "/{ks}/{id}": {
    "get": {"responses": {"200": {"description": "", "content": {"application/json": {"schema": {"type": "object", "additionalProperties": true}}}}}},
    "put": {"responses": {"201": {"description": "", "headers": {"ETag": {"required": true, "schema": {"type": "string"}}}},
      "404": {"$ref": "#/components/responses/Error"}}}},
  "/_ping": {"get": {"responses": {"200": {"description": "", "content": {"text/plain": {"schema": {"const": "ok"}}}}}}}
},
"components": {
  "schemas": {
    "Row": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "n": {"type": "integer"}}},
    "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}},
  "responses": {"Error": {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}}
}}`

func parse(t *testing.T) *openapi.Document {
	t.Helper()
	doc, err := openapi.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func of(kind string) http.Header { return http.Header{"Content-Type": {kind}} }

func TestAnswersAreCheckedAgainstTheDocument(t *testing.T) {
	doc := parse(t)
	const js, lines, events = "application/json", "application/x-ndjson", "text/event-stream"
	for name, c := range map[string]struct {
		answer openapi.Answer
		wrong  string // "" if the document describes the answer
	}{
		"rows":                {openapi.Answer{Path: "/db/_all", Status: 200, Header: of(js), Body: []byte(`[{"id":"a"},{"id":"b","n":1}]`)}, ""},
		"charset":             {openapi.Answer{Path: "/db/_all", Status: 200, Header: of(js + "; charset=utf-8"), Body: []byte(`[]`)}, ""},
		"an unknown member":   {openapi.Answer{Path: "/db/_all", Status: 200, Header: of(js), Body: []byte(`[{"id":"a","x":1}]`)}, "x"},
		"a missing member":    {openapi.Answer{Path: "/db/_all", Status: 200, Header: of(js), Body: []byte(`[{"n":1}]`)}, "id"},
		"another type":        {openapi.Answer{Path: "/db/_all", Status: 200, Header: of(js), Body: []byte(`[{"id":7}]`)}, "string"},
		"broken JSON":         {openapi.Answer{Path: "/db/_all", Status: 200, Header: of(js), Body: []byte(`[{"id":"a"}`)}, "no JSON"},
		"JSON cut on purpose": {openapi.Answer{Path: "/db/_all", Status: 200, Header: of(js), Body: []byte(`[{"id":"a"}`), Cut: true}, ""},
		"an unknown status":   {openapi.Answer{Path: "/db/_all", Status: 202, Header: of(js), Body: []byte(`[]`)}, "202"},
		"an unknown type":     {openapi.Answer{Path: "/db/_all", Status: 200, Header: of("text/html")}, "text/html"},
		"no type":             {openapi.Answer{Path: "/db/_all", Status: 200, Header: http.Header{}}, "content type"},
		"an error":            {openapi.Answer{Path: "/db/_all", Status: 404, Header: of(js), Body: []byte(`{"error":"e"}`)}, ""},
		"an error with more":  {openapi.Answer{Path: "/db/_all", Status: 404, Header: of(js), Body: []byte(`{"error":"e","at":1}`)}, "at"},
		"lines":               {openapi.Answer{Path: "/db/_all", Status: 200, Header: of(lines), Body: []byte("{\"id\":\"a\"}\n\n{\"id\":\"b\"}\n")}, ""},
		"a wrong line":        {openapi.Answer{Path: "/db/_all", Status: 200, Header: of(lines), Body: []byte("{\"id\":\"a\"}\n{\"b\":1}\n")}, "id"},
		"a line cut off":      {openapi.Answer{Path: "/db/_all", Status: 200, Header: of(lines), Body: []byte("{\"id\":\"a\"}\n{\"b"), Cut: true}, ""},
		"events":              {openapi.Answer{Path: "/db/_all", Status: 200, Header: of(events), Body: []byte("id: 1\ndata: {\"id\":\"a\"}\n\n")}, ""},
		"a wrong event":       {openapi.Answer{Path: "/db/_all", Status: 200, Header: of(events), Body: []byte("data: {}\n\n")}, "id"},
		"any document":        {openapi.Answer{Path: "/db/x%2Fy", Status: 200, Header: of(js), Body: []byte(`{"whatever":1}`)}, ""},
		"a trailing slash":    {openapi.Answer{Path: "/db/a/", Status: 200, Header: of(js), Body: []byte(`[]`)}, "object"},
		"a missing header":    {openapi.Answer{Method: "PUT", Path: "/db/a", Status: 201, Header: http.Header{}}, "ETag"},
		"a needless body":     {openapi.Answer{Method: "PUT", Path: "/db/a", Status: 201, Header: http.Header{"Etag": {"x"}}, Body: []byte("x")}, "body"},
		"a text":              {openapi.Answer{Path: "/_ping", Status: 200, Header: of("text/plain"), Body: []byte("ok\n")}, ""},
		"another text":        {openapi.Answer{Path: "/_ping", Status: 200, Header: of("text/plain"), Body: []byte("hello")}, "ok"},
		"an unknown route":    {openapi.Answer{Path: "/a/b/c/d", Status: 200, Header: of(js), Body: []byte(`{}`)}, "no such route"},
		"a refused route":     {openapi.Answer{Path: "/a/b/c/d", Status: 404, Header: of(js), Body: []byte(`{}`)}, ""},
		"an unknown method":   {openapi.Answer{Method: "DELETE", Path: "/db/a", Status: 200}, "no such route"},
	} {
		if c.answer.Method == "" {
			c.answer.Method = http.MethodGet
		}
		err := doc.Check(c.answer)
		if c.wrong == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %v, want an error about %s", name, err, c.wrong)
		}
	}
}

func TestRoutesAreListed(t *testing.T) {
	want := []openapi.Route{{"GET", "/_ping"}, {"GET", "/{ks}/_all"}, {"GET", "/{ks}/{id}"}, {"PUT", "/{ks}/{id}"}}
	if got := parse(t).Routes(); !slices.Equal(got, want) {
		t.Errorf("routes %v, want %v", got, want)
	}
}

func TestBrokenDocumentsAreRefused(t *testing.T) {
	for _, broken := range []string{
		`{`,
		`{"paths":{"/a":{"get":{"responses":{"200":{"$ref":"#/components/responses/Gone"}}}}}}`,
		`{"paths":{"/a":{"get":{"responses":{"200":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Gone"}}}}}}}}}`,
	} {
		if _, err := openapi.Parse([]byte(broken)); err == nil {
			t.Errorf("%s is accepted", broken)
		}
	}
}

func TestAWatchedHandlerReportsWrongAnswers(t *testing.T) {
	var reported []string
	body := `[{"id":"a"}]`
	handler := parse(t).Watch(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
		_ = http.NewResponseController(w).Flush()
	}), func(err error) { reported = append(reported, err.Error()) })
	get := func() {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/db/_all", nil))
		if answer.Body.String() != body || !answer.Flushed {
			t.Errorf("the answer is %q, flushed %t", answer.Body, answer.Flushed)
		}
	}
	if get(); len(reported) != 0 {
		t.Errorf("reported %q of a right answer", reported)
	}
	body = `[{"id":"a","secret":"b"}]`
	if get(); len(reported) != 1 || !strings.Contains(reported[0], "secret") {
		t.Errorf("reported %q, want the unknown member", reported)
	}
}
