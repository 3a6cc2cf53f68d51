package rest_test

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/rest"
)

// doc is a document as PouchDB pushes it: path is "3-c b a", the generation and the digests.
func pushed(id, path, more string) string {
	start, rest, _ := strings.Cut(path, "-")
	ids := strings.Split(rest, " ")
	return fmt.Sprintf(`{"_id":%q,"_rev":"%s-%s","_revisions":{"start":%s,"ids":["%s"]}%s}`,
		id, start, ids[0], start, strings.Join(ids, `","`), more)
}

func push(docs ...string) string {
	return `{"docs":[` + strings.Join(docs, ",") + `],"new_edits":false}`
}

func TestRevisionsOfClientsAreStoredAsTheyAre(t *testing.T) {
	s := serve(t, nil)
	s.want(s.do("POST /other/_bulk_docs", push(pushed("a", "3-c b a", `,"n":1`), pushed("b/c", "1-x", `,"_deleted":true`))), 201, `[]`)
	s.want(s.do("GET /other/a?revs=true", ""), 200, `{"_id":"a","_rev":"3-c","_revisions":{"start":3,"ids":["c","b","a"]},"n":1}`)
	s.want(s.do("GET /other/b%2Fc", ""), 404, "")
	s.want(s.do("GET /other/b%2Fc?rev=1-x", ""), 200, `{"_id":"b/c","_rev":"1-x","_deleted":true}`)
	s.want(s.do("PUT /other/a?new_edits=false", pushed("a", "4-d c", `,"n":2`)), 201, `{"ok":true,"id":"a","rev":"4-d"}`)
	s.want(s.do("PUT /other/a?new_edits=false", pushed("a", "4-d c", `,"n":2`)), 201, `{"ok":true,"id":"a","rev":"4-d"}`)
	s.want(s.do("PUT /other/p?new_edits=false&rev=7-q", `{}`), 201, `{"ok":true,"id":"p","rev":"7-q"}`)
	s.want(s.do("POST /other/_revs_diff", `{"a":["3-c","4-e"],"b/c":["1-x"],"z":["1-a"]}`), 200,
		`{"a":{"missing":["4-e"]},"z":{"missing":["1-a"]}}`)
	for _, body := range []string{"", "[]", "1", `{"a":1}`, `{"a":[1]}`, `{"a":"4-e"}`, `{"a":["4-e"]`, `{"a":[],"a":[]}`} {
		s.want(s.do("POST /other/_revs_diff", body), 400, "")
	}
	s.want(s.do("POST /other/_revs_diff", `{"a":["4-d"],"b":[]}`), 200, `{}`)
	s.want(s.do("POST /other/_revs_diff", `{"a":["9-e"]}`), 200, `{"a":{"missing":["9-e"],"possible_ancestors":["4-d"]}}`)
}

// TestABranchNeverFails: after a conflict PouchDB would send the same documents again, for ever. The branch
// that loses ends with a tombstone.
func TestABranchNeverFails(t *testing.T) {
	s := serve(t, nil)
	s.want(s.do("POST /other/_bulk_docs", push(pushed("a", "2-k a", `,"n":1`), pushed("a", "2-b a", `,"n":2`), pushed("a", "3-z y a", `,"_deleted":true`))), 201, `[]`)
	s.want(s.do("GET /other/a", ""), 200, `{"_id":"a","_rev":"2-k","n":1}`)
	got := s.want(s.do("GET /other/_changes?style=all_docs", ""), 200, `{"results":[{"seq":3,"id":"a","changes":[{"rev":"2-k"},{"rev":"*"},{"rev":"*"},{"rev":"*"}]}],"last_seq":3,"pending":0}`)
	revs := strings.Split(got.body, `{"rev":"`)[2:]
	s.want(s.do("GET /other/_changes", ""), 200, `{"results":[{"seq":3,"id":"a","changes":[{"rev":"2-k"}]}],"last_seq":3,"pending":0}`)
	s.want(s.do("GET /other/_changes?style=all_docs&feed=longpoll", ""), 200, got.body)
	tomb, _, _ := strings.Cut(revs[1], `"`)
	s.want(s.do("POST /other/_bulk_get?revs=true&latest=true", `{"docs":[{"id":"a","rev":"`+tomb+`"},{"id":"a","rev":"2-b"},{"id":"a","rev":"1-a"},{"id":"a","rev":"5-q"}]}`), 200,
		`{"results":[{"id":"a","docs":[{"ok":{"_id":"a","_rev":"`+tomb+`","_deleted":true,"_revisions":{"start":3,"ids":["`+tomb[2:]+`","b"]}}}]},
		{"id":"a","docs":[{"ok":{"_id":"a","_rev":"`+tomb+`","_deleted":true,"_revisions":{"start":3,"ids":["`+tomb[2:]+`","b"]}}}]},
		{"id":"a","docs":[{"ok":{"_id":"a","_rev":"2-k","_revisions":{"start":2,"ids":["k","a"]},"n":1}}]},
		{"id":"a","docs":[{"error":{"id":"a","rev":"5-q","error":"not_found","reason":"missing","status":404}}]}]}`)
	s.want(s.do("GET /other/a?rev="+tomb, ""), 200, `{"_id":"a","_rev":"`+tomb+`","_deleted":true}`)
	s.want(s.do(`GET /other/a?open_revs=["2-k","9-q"]&revs=true`, ""), 200, `[{"ok":{"_id":"a","_rev":"2-k","_revisions":{"start":2,"ids":["k","a"]},"n":1}},{"missing":"9-q"}]`)
	if all := s.do("GET /other/a?open_revs=all", ""); strings.Count(all.body, `{"ok":`) != 4 {
		t.Errorf("the open revisions are %s", all.body)
	}
	if all := s.do("GET /other/a?open_revs=all", "", "Accept: multipart/mixed"); strings.Count(all.body, `"_id":"a"`) != 4 {
		t.Errorf("the open revisions in parts are %s", all.body)
	}
}

// TestWhatCannotBeStoredIsDenied: PouchDB leaves such a document out, and goes on.
func TestWhatCannotBeStoredIsDenied(t *testing.T) {
	s := serve(t, nil)
	row := func(id string) string {
		return `{"id":` + quote(id) + `,"error":"forbidden","name":"forbidden","reason":"*","status":403}`
	}
	for name, doc := range map[string]string{
		"_design/x": pushed("_design/x", "1-a", ""),
		"a":         pushed("a", "1-a", `,"_other":1`),
		"b":         pushed("b", "4294967295-a", ""),
		"c":         pushed("c", "1-a,b", ""),
		"d":         `{"_id":"d","_rev":"1-a","_revisions":{"start":2,"ids":["a"]}}`,
		"e":         `{"_id":"e","_rev":"1-a","_revisions":7}`,
		"f":         `{"_id":"f","_rev":"1-a","_revisions":{"start":1,"ids":"a"}}`,
		"g":         `{"_id":"g","_rev":"1@x"}`,
		"h":         `{"_id":"h"}`,
		"i":         `{"_id":"i","_rev":"1-a","_exp":5}`,
		"j":         pushed("j", "1-a", `,"_attachments":{"x":{"stub":true,"digest":"md5-AA=="}}`),
		"k":         pushed("k", "1-a", `,"_attachments":{"x":{"data":"aGVsbG8=","digest":"md5-AAAAAAAAAAAAAAAAAAAAAA=="}}`),
		"l":         pushed("l", "1-a", `,"_attachments":{"x":{"data":"?"}}`),
		"m":         pushed("m", "1-a", `,"_attachments":{"x":{"data":"aGVsbG8=","digest":"sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA="}}`),
		"n":         pushed("n", "1-a", `,"_attachments":7`),
	} {
		got := s.do("POST /other/_bulk_docs", push(doc, pushed("good", "1-a", "")))
		if got.status != 201 || !strings.Contains(got.body, `"name":"forbidden"`) || !strings.HasPrefix(got.body, `[{"id":"`+name+`"`) {
			t.Errorf("%s: got %d %s, want %s", name, got.status, got.body, row(name))
		}
		s.want(s.do("GET /other/"+escape(name), ""), map[bool]int{true: 400, false: 404}[strings.HasPrefix(name, "_")], "")
	}
	s.want(s.do("GET /other/good", ""), 200, "")
}

func TestAttachmentsOfPouchDB(t *testing.T) {
	s := serve(t, nil)
	sum := md5.Sum([]byte("hello"))
	digest := "md5-" + base64.StdEncoding.EncodeToString(sum[:])
	with := `,"_attachments":{"t.txt":{"data":"aGVsbG8=","digest":"` + digest + `","content_type":"text/plain","revpos":1},"d/e.txt":{"data":"aGVsbG8="}}`
	s.want(s.do("POST /other/_bulk_docs", push(pushed("a", "1-a", with+`,"t.txt":7`))), 201, `[]`)
	got := s.do("POST /other/_bulk_get?revs=true&latest=true", `{"docs":[{"id":"a","rev":"1-a"}]}`)
	if !strings.Contains(got.body, `"t.txt":{"digest":"sha1-qvTGHdzF6KLavt4PO0gs2a6pQ00="`) && !strings.Contains(got.body, `sha1-qvTGHdzF6KLavt4PO0gs2a6pQ00=`) || !strings.Contains(got.body, `"stub":true`) {
		t.Errorf("got %s", got.body)
	}
	for _, path := range []string{"t.txt", "d/e.txt", "d%2Fe.txt"} {
		s.want(s.do("GET /other/a/"+path+"?rev=1-a", ""), 200, "hello")
	}
	s.want(s.do("GET /other/a/%2Ft.txt", ""), 200, "7") // the property of the same name
	s.want(s.do("GET /other/a/d/x.txt", ""), 404, "")
	got = s.do("POST /other/_bulk_get?revs=true&attachments=true", `{"docs":[{"id":"a"}]}`)
	if strings.Count(got.body, `"data":"aGVsbG8="`) != 2 {
		t.Errorf("with their content: got %s", got.body)
	}
	got = s.do(`GET /other/a?open_revs=["1-a"]&attachments=true`, "")
	if strings.Count(got.body, `"data":"aGVsbG8="`) != 2 {
		t.Errorf("with their content: got %s", got.body)
	}

	// A blob of Tandem's own is an attachment, too; it goes with its property.
	blob := `,"_attachments":{"blob_/p":{"data":"aGVsbG8=","revpos":%d}}`
	s.want(s.do("POST /other/_bulk_docs", push(pushed("b", "1-a", `,"p":null`+fmt.Sprintf(blob, 1)))), 201, `[]`)
	s.want(s.do("GET /other/b/p?content=true", ""), 200, "hello")
	s.want(s.do("POST /other/_bulk_docs", push(pushed("b", "2-b a", `,"q":1`+fmt.Sprintf(blob, 1)))), 201, `[]`)
	s.want(s.do("GET /other/b", ""), 200, `{"_id":"b","_rev":"2-b","q":1}`)
}

func TestLocalDocumentsOverHTTP(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) { cfg.Databases[1].ClientWrites = false })
	const path = "/other/_local/a%2Fb%3D%3D"
	s.want(s.do("GET "+path, ""), 404, "")
	s.want(s.do("PUT "+path, `{"_id":"_local/a/b==","last_seq":7}`), 201, `{"ok":true,"id":"_local/a/b==","rev":"0-1"}`)
	s.want(s.do("GET "+path, ""), 200, `{"_id":"_local/a/b==","_rev":"0-1","last_seq":7}`)
	s.want(s.do("PUT "+path, `{"last_seq":8}`), 409, "")
	s.want(s.do("PUT "+path, `{"_rev":"0-1","last_seq":8}`), 201, `{"ok":true,"id":"_local/a/b==","rev":"0-2"}`)
	s.want(s.do("PUT "+path+"?rev=0-3", `{"_rev":"0-2"}`), 400, "")
	s.want(s.do("PUT "+path+"?rev=0-2", `{}`), 201, "")
	for _, body := range []string{`{"_id":"_local/x"}`, `{"_other":1}`, `7`, `{"_rev":7}`, `{"a":"` + strings.Repeat("x", 10<<10) + `"}`} {
		s.want(s.do("PUT "+path, body), 400, "")
	}
	s.want(s.do("PUT /other/_local/"+strings.Repeat("x", 256), `{}`), 400, "")
	s.want(s.do("DELETE "+path, ""), 409, "")
	s.want(s.do("DELETE "+path+"?rev=0-3", ""), 200, `{"ok":true,"id":"_local/a/b==","rev":"0-0"}`)
	s.want(s.do("DELETE "+path, ""), 404, "")
	s.want(s.do("GET /other/_changes", ""), 200, `{"results":[],"last_seq":0,"pending":0}`)
}

func TestPouchDBNeedsRevisionTrees(t *testing.T) {
	s := serve(t, nil)
	for _, request := range []string{"GET /shop/_local/x", "POST /shop/_revs_diff", "POST /shop/_bulk_docs", "PUT /shop/a?new_edits=false"} {
		got := s.do(request, push(pushed("a", "1-a", "")))
		if got.status != 501 || !strings.Contains(got.body, "version vectors") || !strings.Contains(got.body, "rev-trees") {
			t.Errorf("%s: got %d %s, want 501 with what to do", request, got.status, got.body)
		}
	}
	s.want(s.do("POST /other/_changes?filter=_selector", `{"selector":{}}`), 501, "")
	if err := s.shop.ServeBothGenerations(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.do("GET /shop/_local/x", ""); got.status != 501 || !strings.Contains(got.body, "both generations") {
		t.Errorf("of both generations: got %d %s, want 501 that says so", got.status, got.body)
	}
}

// TestTheModeOfALongPushIsKnown: new_edits=false comes behind the documents, when the first are stored.
func TestTheModeOfALongPushIsKnown(t *testing.T) {
	s := serve(t, nil)
	var docs, plain []string
	for i := range 2500 {
		docs = append(docs, pushed(fmt.Sprint(i), "2-b a", ""))
		plain = append(plain, fmt.Sprintf(`{"_id":"p%d"}`, i))
	}
	s.want(s.do("POST /other/_bulk_docs", push(docs...)), 201, `[]`)
	for _, id := range []string{"0", "1500", "2499"} {
		s.want(s.do("GET /other/"+id, ""), 200, `{"_id":"`+id+`","_rev":"2-b"}`)
	}
	s.want(s.do("POST /other/_bulk_docs", push(plain...)), 400, "")
	s.want(s.do("POST /other/_bulk_docs", `{"docs":[`+docs[0]+`],"new_edits":true}`), 201, `[{"id":"0","error":"bad_request","reason":"*","status":400}]`)
	s.want(s.do("PUT /other/0", docs[0]), 400, "")
}

// An edit among pushed documents must not pass for the revision that it is an edit of.
func TestAGroupPushedByGuessTakesNoEdits(t *testing.T) {
	s := serve(t, nil)
	s.want(s.do("PUT /other/e?new_edits=false", pushed("e", "1-x", `,"n":1`)), 201, "")
	docs := []string{pushed("a", "1-x", ""), `{"_id":"e","_rev":"1-x","n":2}`}
	for i := range 1500 {
		docs = append(docs, pushed(fmt.Sprint(i), "2-b a", ""))
	}
	s.want(s.do("POST /other/_bulk_docs", push(docs...)), 201, `[{"id":"e","error":"forbidden","name":"forbidden","reason":"*","hint":"*","status":403}]`)
	s.want(s.do("GET /other/e", ""), 200, `{"_id":"e","_rev":"1-x","n":1}`)
	text := strings.Join(docs, ",")
	for _, end := range []string{`]}`, `],"new_edits":true}`} {
		s.want(s.do("POST /other/_bulk_docs", `{"docs":[`+text+end), 400, "")
	}
	s.want(s.do("POST /other/_bulk_docs", `{"new_edits":false,"docs":[`+text+`]}`), 201, `[]`)
}

// A client that did not hear an answer sends the same batch again, perhaps for ever: nothing grows by it.
func TestTheSameBatchForEverChangesNothing(t *testing.T) {
	s := serve(t, nil)
	var docs []string
	for i := range 20 {
		id := fmt.Sprintf("d%02d", i)
		docs = append(docs,
			`{"_id":"`+id+`","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]},"side":"left"}`,
			`{"_id":"`+id+`","_rev":"2-c","_revisions":{"start":2,"ids":["c","a"]},"side":"right"}`, // a branch
			`{"_id":"gone`+id+`","_rev":"1-x","_deleted":true,"_revisions":{"start":1,"ids":["x"]}}`)
	}
	batch := `{"docs":[` + strings.Join(docs, ",") + `],"new_edits":false}`
	state := func() string {
		changes := s.want(s.do("GET /other/_changes?style=all_docs&include_docs=true", ""), 200, "").body
		return changes + s.want(s.do("GET /other/_conflicts?limit=1000", ""), 200, "").body
	}
	s.want(s.do("POST /other/_bulk_docs", batch), 201, `[]`)
	after := state()
	for range 50 {
		s.want(s.do("POST /other/_bulk_docs", batch), 201, `[]`)
	}
	if again := state(); again != after {
		t.Errorf("after 50 more batches:\n%s\nwas\n%s", again, after)
	}
}
