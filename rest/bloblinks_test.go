package rest_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// blobRef is a blob in a document by its digest alone.
func blobRef(content string) string {
	return fmt.Sprintf(`{"@type":"blob","digest":%q,"length":%d}`, digestOf(content), len(content))
}

// rightsOf gives eve rights to shop, and ron all rights to inv.hotel, alone.
func rightsOf(t *testing.T, eve string) func(cfg *rest.Configuration) {
	return func(cfg *rest.Configuration) {
		text := strings.Replace(usersFile, `"shop.*": ["read"]`, `"shop.inv.hotel": ["read", "write"]`, 1)
		cfg.Users = parseUsers(t, hashed(t, strings.Replace(text, `"other.*": ["read", "write"]`, eve, 1)))
	}
}

// A reference that a user writes must not give him content that he could not read before.
func TestAReferenceGivesNoContentThatTheUserMayNotRead(t *testing.T) {
	s := serve(t, rightsOf(t, `"shop.inv.hotel": ["write"]`))
	hotel := s.create("inv", "hotel")
	check(t, s.coll.Put(t.Context(), "h1", map[string]any{"b": tandem.NewBlob("text/plain", []byte("secret"))}))
	const patchType = "application/merge-patch+json"
	ref, stub := blobRef("secret"), `{"_attachments":{"a":{"stub":true,"digest":"`+digestOf("secret")+`"}}}`
	rev := s.want(s.do("PUT /shop.inv.hotel/mine", `{}`, "As: ron"), 201, "").rev(t)
	check(t, hotel.Put(t.Context(), "odd", map[string]any{"p": map[string]any{ // as peers may make it
		"@type": "blob", "data": "eA==", "in": map[string]any{"@type": "blob", "digest": digestOf("secret")},
	}}))
	odd := s.do("GET /shop.inv.hotel/odd", "").header.Get("Etag")
	s.want(s.do("GET /shop.inv.hotel/odd/%2Fp%2Fin?content=true", "", "As: ron"), 400, "")
	for _, x := range []struct{ request, body, kind string }{
		{"PUT " + at("/shop.inv.hotel/odd", strings.Trim(odd, `"`)), `{"p":` + ref + `}`, ""},
		{"PUT /shop.inv.hotel/steal", `{"p":` + ref + `}`, ""},
		{"PUT /shop.inv.hotel/steal", `{"p":[{"q":` + strings.Replace(ref, "sha1-", `sha1\u002d`, 1) + `}]}`, ""},
		{"PUT /shop.inv.hotel/steal", stub, ""},
		{"PUT /shop.inv.hotel/steal", `{"p":{"@type":"blob","data":"eA==","q":1},"r":` + ref + `}`, ""},
		{"PUT /shop.inv.hotel/steal", `{"p":{"@type":"blob","data":"eA==","in":` + ref + `}}`, ""},
		{"PUT /shop.inv.hotel/steal", `{"_attachments":{"a":{"data":"eA==","in":` + ref + `}}}`, ""},
		{"PATCH " + at("/shop.inv.hotel/mine", rev), `{"_attachments":{"a":{"data":"eA==","digest":"` + digestOf("secret") + `"}}}`, patchType},
		{"PUT " + at("/shop.inv.hotel/mine", rev), `{"p":` + ref + `}`, ""},
		{"POST /shop.inv.hotel", `{"p":` + ref + `}`, ""},
		{"PUT " + at("/shop.inv.hotel/mine/p", rev), ref, ""},
		{"PUT /shop.inv.hotel/steal/p", ref, ""},
		{"PATCH " + at("/shop.inv.hotel/mine", rev), `{"p":` + ref + `}`, patchType},
	} {
		headers := []string{"As: ron"}
		if x.kind != "" {
			headers = append(headers, "Content-Type: "+x.kind)
		}
		s.want(s.do(x.request, x.body, headers...), 403, "")
	}
	got := s.want(s.do("POST /shop.inv.hotel/_bulk_docs", `{"docs":[{"_id":"steal","p":`+ref+`},{"_id":"b1"}]}`, "As: ron"), 201, "")
	if !strings.HasPrefix(got.body, `[{"id":"steal","error":"forbidden"`) || !strings.Contains(got.body, `{"id":"b1","rev"`) {
		t.Errorf("bulk: got %s", got.body)
	}
	s.want(s.do("GET /shop.inv.hotel/steal", "", "As: ron"), 404, "")
	// What is no blob has no content, whatever it looks like.
	s.want(s.do("PUT /shop.inv.hotel/look", `{"p":`+strings.Replace(ref, `"@type":"blob",`, "", 1)+`}`, "As: ron"), 201, "")
	s.want(s.do("GET /shop.inv.hotel/look/p?content=true", "", "As: ron"), 400, "")
	// An unknown blob stays 404, and an admin may refer to any blob.
	s.want(s.do("PUT /shop.inv.hotel/steal", `{"p":`+blobRef("nowhere")+`}`, "As: ron"), 404, "")
	s.want(s.do("PUT /shop.inv.hotel/given", `{"p":`+ref+`}`, "As: ann"), 201, "")
	s.want(s.do("GET /shop.inv.hotel/given/p?content=true", "", "As: ron"), 200, "secret")
	if d, err := hotel.Document(t.Context(), "mine"); err != nil || string(d.Body()) != `{}` {
		t.Errorf("the document is %v, %v", d, err)
	}
}

func TestReferencesToBlobsThatAUserHas(t *testing.T) {
	s := serve(t, rightsOf(t, `"shop.inv.hotel": ["write"], "shop.inv.bar": ["write"]`))
	s.create("inv", "hotel")
	s.create("inv", "bar")
	as := func(user, request, body string, status int) answer {
		t.Helper()
		return s.want(s.do(request, body, "As: "+user), status, "")
	}
	// eve may write, and read nothing: her uploads, and what a document has, she may refer to.
	s.want(s.do("POST /shop/_blob", "mine", "As: bob", "Content-Type: text/plain"), 201, "")
	as("eve", "PUT /shop.inv.hotel/h1", `{"p":`+blobRef("mine")+`}`, 403)
	s.want(s.do("POST /shop/_blob", "mine", "As: eve", "Content-Type: text/plain"), 201, "")
	rev := as("eve", "PUT /shop.inv.hotel/h1", `{"p":`+blobRef("mine")+`}`, 201).rev(t)
	s.want(s.do("GET /shop/_blob/"+url.PathEscape(digestOf("mine")), "", "As: eve"), 403, "")
	data := base64.StdEncoding.EncodeToString([]byte("inline"))
	inline := `{"@type":"blob","data":"` + data + `","digest":"` + digestOf("inline") + `"}`
	rev = as("bob", "PUT "+at("/shop.inv.hotel/h1", rev), `{"q":`+inline+`,"r":`+blobRef("inline")+`}`, 201).rev(t)
	as("eve", "PUT "+at("/shop.inv.hotel/h1", rev), `{"moved":[`+blobRef("inline")+`]}`, 201).rev(t)
	as("eve", "PUT "+at("/shop.inv.hotel/h1", "1-ab"), `{"moved":[`+blobRef("inline")+`]}`, 409)
	as("eve", "PUT /shop.inv.bar/b1", `{"moved":`+blobRef("inline")+`}`, 403)
	// Content is a proof that she has it.
	as("eve", "PUT /shop.inv.bar/b2", `{"a":{"@type":"blob","data":"`+data+`"},"b":`+inline+`,"c":`+blobRef("inline")+`}`, 201)
	// ron may read one document that refers to it.
	as("ron", "PUT /shop.inv.hotel/copy", `{"a":`+blobRef("inline")+`}`, 201)
}

// One search finds all blobs of a document; of documents that have one each, a request finds but some.
func TestSearchesForReferencesAreBounded(t *testing.T) {
	s := serve(t, nil)
	const n = 20
	album, loose, wrong := map[string]any{}, "", ""
	for i := range n {
		name := fmt.Sprintf("picture %d", i)
		album[name] = tandem.NewBlob("text/plain", []byte(name))
		loose += fmt.Sprintf(`,{"_id":"copy%d","a":%s}`, i, blobRef("loose "+name))
		wrong += fmt.Sprintf(`,{"_id":"wrong%d","a":%s}`, i, blobRef("nowhere "+name))
		check(t, s.coll.Put(t.Context(), "loose"+name, map[string]any{"a": tandem.NewBlob("text/plain", []byte("loose "+name))}))
	}
	check(t, s.coll.Put(t.Context(), "album", album))
	all := ""
	for name := range album {
		all += fmt.Sprintf(",%q:%s", name, blobRef(name))
	}
	s.want(s.do("PUT /shop/copy", `{`+all[1:]+`}`), 201, "")
	got := s.want(s.do("POST /shop/_bulk_docs", `{"docs":[`+loose[1:]+`]}`), 201, "")
	if refused := strings.Count(got.body, "too many blobs"); refused != n-16 {
		t.Errorf("%d of %d are refused: %s", refused, n, got.body)
	}
	got = s.want(s.do("POST /shop/_bulk_docs", `{"docs":[`+wrong[1:]+`]}`), 201, "")
	if refused := strings.Count(got.body, "too many blobs"); refused != n-16 || strings.Count(got.body, "not_found") != 16 {
		t.Errorf("%d of %d are refused: %s", refused, n, got.body)
	}
}

// Content in a body is stored while other writers wait.
func TestContentInBodiesIsBounded(t *testing.T) {
	s := serve(t, nil)
	inlineBlobs := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`{"@type":"blob","data":%q}`, base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(i))))
		}
		return `"all":[` + strings.Join(all, ",") + `]`
	}
	s.want(s.do("PUT /shop/h1", `{`+inlineBlobs(101)+`}`), 413, "")
	s.want(s.do("PUT /shop/h1/p", `{`+inlineBlobs(101)+`}`), 413, "")
	s.want(s.do("PATCH /shop/h1", `{`+inlineBlobs(101)+`}`, "Content-Type: application/merge-patch+json"), 413, "")
	rev := s.want(s.do("PUT /shop/h1", `{`+inlineBlobs(100)+`}`), 201, "").rev(t)
	s.want(s.do("PUT "+at("/shop/h1", rev), `{"_deleted":true}`), 201, "")
	got := s.want(s.do("POST /shop/_bulk_docs", `{"docs":[{"_id":"a",`+inlineBlobs(101)+`},{"_id":"b",`+inlineBlobs(100)+`}]}`), 201, "")
	if !strings.HasPrefix(got.body, `[{"id":"a","error":"too_large"`) || !strings.Contains(got.body, `{"id":"b","rev"`) {
		t.Errorf("bulk: got %s", got.body)
	}
	s.want(s.do("POST /shop/_purge", `{"b":["*"]}`, "As: ann"), 200, "")
	// A body that is malformed at its end shows what was committed before: groups of 100 blobs.
	var docs strings.Builder
	for range 250 {
		docs.WriteString(`{` + inlineBlobs(1) + `},`)
	}
	s.want(s.do("POST /shop/_bulk_docs", `{"docs":[`+docs.String()), 400, "")
	if n, err := s.coll.Count(t.Context()); err != nil || n != 200 {
		t.Errorf("%d documents are stored, %v, want 200", n, err)
	}
}

// Another digest than that of the content is the client's mistake, and concerns one document.
func TestAWrongDigestBesideContentIsRefused(t *testing.T) {
	s := serve(t, nil)
	wrong := fmt.Sprintf(`"data":"eA==","digest":%q`, digestOf("y"))
	s.want(s.do("PUT /shop/h1", `{"p":{"@type":"blob",`+wrong+`}}`), 400, "")
	s.want(s.do("PUT /shop/h1", `{"_attachments":{"a":{`+wrong+`}}}`), 400, "")
	s.want(s.do("PUT /shop/h1", `{"p":{"@type":"blob","data":"eA==","digest":5}}`), 400, "")
	s.want(s.do("PUT /shop/h1", `{"p":{"@type":"blob","data":"%"}}`), 400, "")
	got := s.want(s.do("POST /shop/_bulk_docs", `{"docs":[{"_id":"a","p":{"@type":"blob",`+wrong+`}},{"_id":"b"}]}`), 201, "")
	if !strings.HasPrefix(got.body, `[{"id":"a","error":"bad_request"`) || !strings.Contains(got.body, `{"id":"b","rev"`) {
		t.Errorf("bulk: got %s", got.body)
	}
	s.want(s.do("PUT /shop/h1", `{"p":{"@type":"blob","data":"eA==","digest":"`+digestOf("x")+`"}}`), 201, "")
}

// What a client says of a tombstone gives no right either: the next revision would inherit it.
func TestAPushedTombstoneGivesNoContent(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) {
		text := strings.Replace(usersFile, `"shop.*": ["read"]`, `"other._default._default": ["read", "write"]`, 1)
		cfg.Users = parseUsers(t, hashed(t, text))
		hidden, err := cfg.Databases[1].Database.CreateCollection(t.Context(), "inv", "hotel")
		check(t, err)
		check(t, hidden.Put(t.Context(), "h1", map[string]any{"b": tandem.NewBlob("text/plain", []byte("secret"))}))
	})
	ref := `,"p":` + blobRef("secret")
	s.want(s.do("PUT /other/steal?new_edits=false", pushed("steal", "1-a", `,"_deleted":true`+ref), "As: ron"), 403, "")
	got := s.want(s.do("POST /other/_bulk_docs", push(pushed("steal", "1-a", `,"_deleted":true`+ref)), "As: ron"), 201, "")
	if !strings.HasPrefix(got.body, `[{"id":"steal","error":"forbidden"`) {
		t.Errorf("bulk: got %s", got.body)
	}
	// The tombstone of an admin may name the blob. Who follows it may not.
	s.want(s.do("POST /other/_bulk_docs", push(pushed("steal", "1-a", `,"_deleted":true`+ref)), "As: ann"), 201, `[]`)
	s.want(s.do("PUT /other/steal?new_edits=false", pushed("steal", "2-b a", ref), "As: ron"), 403, "")
	s.want(s.do("PUT "+at("/other/steal", "1-a"), `{`+ref[1:]+`}`, "As: ron"), 403, "")
}
