package rest_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

func digestOf(content string) string {
	sum := sha1.Sum([]byte(content))
	return "sha1-" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestABlobIsStoredAndRead(t *testing.T) {
	s := serve(t, nil)
	rev := s.put("/shop/h1", `{"name":"A"}`)
	const content = "<script>alert(1)</script>"
	got := s.want(s.do("PUT "+at("/shop/h1/page", rev), content, "Content-Type: text/html; charset=utf-8"), 201, `{"ok":true,"id":"h1","rev":"*"}`)
	if newRev := got.rev(t); newRev == rev {
		t.Error("the document keeps its revision")
	}
	digest := digestOf(content)
	dictionary := fmt.Sprintf(`{"@type":"blob","digest":%q,"length":25,"content_type":"text/html; charset=utf-8"}`, digest)
	if text := s.text("h1"); text != `{"name":"A","page":`+dictionary+`}` {
		t.Errorf("got %s", text)
	}
	s.want(s.do("GET /shop/h1/page", "", "Accept: */*"), 200, dictionary)
	s.want(s.do("GET /shop/h1/%2Fpage", "", "Accept: application/json"), 200, dictionary)
	for _, path := range []string{"/shop/h1/page?content=true", "/shop/h1/blob_%2Fpage", "/shop/_blob/" + url.PathEscape(digest)} {
		got := s.do("GET "+path, "")
		if got.status != 200 || got.body != content {
			t.Errorf("%s: got %d %q", path, got.status, got.body)
		}
		for name, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Etag": `"` + digest + `"`, "Content-Disposition": "attachment",
			"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff", "Content-Length": "25",
			"Accept-Ranges": "bytes", "Cache-Control": "private, no-cache",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got.header.Get(name), want)
			}
		}
		s.want(s.do("GET "+path, "", `If-None-Match: "`+digest+`"`), 304, "")
		s.want(s.do("GET "+path, "", `If-Match: "sha1-x"`), 412, `{"error":"file_exists","reason":"*","x-litecore-domain":6,"x-litecore-code":412,"id":"*"}`)
		if part := s.do("GET "+path, "", "Range: Bytes=1-6"); part.status != 206 || part.body != "script" || part.header.Get("Content-Range") != "bytes 1-6/25" {
			t.Errorf("%s: a range: got %d %q %q", path, part.status, part.body, part.header.Get("Content-Range"))
		}
		for _, unit := range []string{"lines=1-6", "1-6", "lines=bytes=1-6"} {
			if all := s.do("GET "+path, "", "Range: "+unit); all.status != 200 || all.body != content {
				t.Errorf("%s: range %s: got %d %q", path, unit, all.status, all.body)
			}
		}
		none := s.want(s.do("GET "+path, "", "Range: bytes=25-"), 416, "")
		if none.header.Get("Content-Range") != "bytes */25" || none.header.Get("Content-Type") != "application/json" || none.header.Get("Etag") != "" {
			t.Errorf("%s: a range that is not there: got %v", path, none.header)
		}
		if head := s.do("HEAD "+path, ""); head.status != 200 || head.header.Get("Content-Length") != "25" || head.body != "" {
			t.Errorf("%s: HEAD: got %+v", path, head)
		}
	}
}

// A peer may have sent any text as the type of a blob.
func TestAStrangeTypeOfABlobHarmsNobody(t *testing.T) {
	s := serve(t, nil)
	for i, kind := range []string{"", "text/html\r\nSet-Cookie: a=b", "x", "/;=", strings.Repeat("a", 5000) + "/b;c"} {
		blob := tandem.NewBlob(kind, []byte("content"))
		check(t, s.coll.Put(t.Context(), fmt.Sprint(i), map[string]any{"b": blob}))
		got := s.do(fmt.Sprintf("GET /shop/%d/b?content=true", i), "")
		if got.status != 200 || got.body != "content" || got.header.Get("Set-Cookie") != "" {
			t.Errorf("%q: got %d %v", kind, got.status, got.header)
		}
		if i != 2 && i != 0 && got.header.Get("Content-Type") == kind {
			t.Errorf("%q is the type of an answer", kind)
		}
	}
}

func TestABlobInABodyOfItsOwn(t *testing.T) {
	s := serve(t, nil)
	const content = "of a blob"
	digest := digestOf(content)
	dictionary := s.want(s.do("POST /shop/_blob", content, "Content-Type: image/png"), 201,
		fmt.Sprintf(`{"@type":"blob","digest":%q,"length":9,"content_type":"image/png"}`, digest)).body
	path := "/shop/_blob/" + url.PathEscape(digest)
	s.want(s.do("GET "+path, ""), 404, "") // no document refers to it
	s.put("/shop/h1", `{"photos":[`+dictionary+`]}`)
	for range 2 { // the second time it is known where
		if got := s.do("GET "+path, ""); got.status != 200 || got.body != content || got.header.Get("Content-Type") != "image/png" {
			t.Errorf("got %d %q", got.status, got.body)
		}
	}
	s.want(s.do("GET /shop/h1/%2Fphotos%2F0?content=true", ""), 200, content)
	d, err := s.coll.Document(t.Context(), "h1")
	check(t, err)
	check(t, s.coll.Delete(t.Context(), d))
	s.want(s.do("GET "+path, ""), 404, "")

	for _, x := range []struct {
		request, as, kind string
		status            int
	}{
		{"POST /shop/_blob", "ron", "image/png", 403},
		{"POST /shop/_blob", "eve", "image/png", 403},
		{"POST /shop/_blob", "bob", "application/x-www-form-urlencoded", 415},
		{"POST /shop/_blob", "bob", "multipart/form-data; boundary=x", 415},
		{"POST /shop/_blob", "bob", "", 201},
		{"PUT /shop/x/y", "bob", "application/x-www-form-urlencoded", 415},
		{"GET /shop/_blob/sha1-x", "bob", "", 400},
		{"GET /shop/_blob/%00", "bob", "", 400},
	} {
		s.want(s.do(x.request, "x", "As: "+x.as, "Content-Type: "+x.kind), x.status, "")
	}
	s.want(s.do("POST /shop/_blob", "not stored", "As: ron", "Content-Type: image/png"), 403, "")
	s.want(s.do("POST /shop/_blob", "not stored", "As: eve", "Content-Type: image/png"), 403, `{
		"error":"forbidden","reason":"you have no access to shop, or there is no such place","x-litecore-domain":6,"x-litecore-code":403,"id":"*"}`)
	if _, err := s.shop.OpenBlob(digestOf("not stored")); err == nil {
		t.Error("the content of a refused upload is there")
	}
}

// ron may read inv alone, where no document refers to the blob; a copy there gives it to him.
func TestABlobNeedsADocumentThatTheUserMayRead(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) {
		cfg.Users = parseUsers(t, hashed(t, strings.Replace(usersFile, `"shop.*": ["read"]`, `"shop.inv.*": ["read"]`, 1)))
	})
	hotel := s.create("inv", "hotel")
	blob := tandem.NewBlob("text/plain", []byte("secret"))
	check(t, s.coll.Put(t.Context(), "h1", map[string]any{"b": blob}))
	path := "/shop/_blob/" + url.PathEscape(blob.Digest())
	s.want(s.do("GET "+path, ""), 200, "secret")
	s.want(s.do("GET "+path, "", "As: ron"), 404, "")
	check(t, hotel.Put(t.Context(), "h2", map[string]any{"b": blob}))
	s.want(s.do("GET "+path, "", "As: ron"), 200, "secret")
	d, err := hotel.Document(t.Context(), "h2")
	check(t, err)
	check(t, d.SetBody([]byte("{}")))
	check(t, hotel.Save(t.Context(), d))
	s.want(s.do("GET "+path, "", "As: ron"), 404, "")
	s.want(s.do("GET "+path, ""), 200, "secret")
}

func TestTooLargeABlobIsRefused(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) { cfg.Limits.BlobBytes = 1000 })
	large := strings.Repeat("x", 1001)
	s.want(s.do("POST /shop/_blob", large, "Content-Type: text/plain"), 413, "")
	s.want(s.do("PUT /shop/h1/b", large, "Content-Type: text/plain"), 413, "")
	s.want(s.do("PUT /shop/h1/b", large[:1000], "Content-Type: text/plain"), 201, "")
}

// A body that breaks off leaves neither a document nor a blob, and the revision is looked at before the body
// is read.
func TestAnUploadThatBreaksOffLeavesNothing(t *testing.T) {
	s := serve(t, nil)
	rev := s.put("/shop/h1", `{}`)
	part := strings.Repeat("x", 1<<20)
	body := io.MultiReader(strings.NewReader(part), iotest.ErrReader(io.ErrClosedPipe))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.url+at("/shop/h1/b", rev), body)
	check(t, err)
	request.Header.Set("Content-Type", "image/png")
	request.SetBasicAuth("bob", "bob")
	if answer, err := http.DefaultClient.Do(request); err == nil {
		t.Errorf("got %d", answer.StatusCode)
	}
	if text := s.text("h1"); text != `{}` {
		t.Errorf("the document is %s now", text)
	}
	if _, err := s.shop.OpenBlob(digestOf(part)); err == nil {
		t.Error("a blob of half the content is there")
	}
	s.want(s.do("PUT "+at("/shop/h1/b", "1-ab"), "x", "Content-Type: image/png"), 409, "")
	if _, err := s.shop.OpenBlob(digestOf("x")); err == nil {
		t.Error("the content of a refused edit is there")
	}
}

func TestAttachments(t *testing.T) {
	s := serve(t, nil)
	data := base64.StdEncoding.EncodeToString([]byte("picture"))
	digest := digestOf("picture")
	rev := s.put("/shop/h1", `{"name":"A","_attachments":{"a.png":{"content_type":"image/png","data":"`+data+`"},"blob_/photo":{"content_type":"image/jpeg","data":"`+data+`"}}}`)
	photo := fmt.Sprintf(`{"@type":"blob","content_type":"image/jpeg","digest":%q,"length":7}`, digest)
	s.want(s.do("GET /shop/h1", ""), 200, `{"_id":"h1","_rev":"*","_cv":"*","name":"A","photo":`+photo+`}`)
	view := s.want(s.do("GET /shop/h1?attachments", ""), 200, `{"_id":"h1","_rev":"*","_cv":"*","name":"A","photo":`+photo+`,"_attachments":{
		"a.png":{"stub":true,"content_type":"image/png","length":7,"digest":"`+digest+`"},
		"blob_/photo":{"stub":true,"content_type":"image/jpeg","length":7,"digest":"`+digest+`","revpos":1}}}`)
	for _, key := range []string{"a.png", "blob_%2Fphoto", "photo?content=true"} {
		if got := s.do("GET /shop/h1/"+key, ""); got.status != 200 || got.body != "picture" || got.header.Get("Etag") != `"`+digest+`"` {
			t.Errorf("%s: got %d %q", key, got.status, got.body)
		}
	}
	// What was read may be written: the attachments stay.
	rev = s.want(s.do("PUT "+at("/shop/h1", rev), strings.Replace(view.body, `"A"`, `"B"`, 1)), 201, "").rev(t)
	s.want(s.do("GET /shop/h1/a.png", ""), 200, "picture")
	s.want(s.do("PUT "+at("/shop/h1/blob_%2Fphoto", rev), `{"is":"content"}`), 201, "")
	s.want(s.do("GET /shop/h1/blob_%2Fphoto", ""), 200, `{"is":"content"}`)

	for _, wrong := range []string{`[]`, `{"a":{}}`, `{"a":{"stub":true}}`, `{"a":{"data":"%"}}`, `{"a":1}`, `{"blob_/x/y":{"data":""}}`, `{"a":{"digest":"sha1-x"}}`} {
		if got := s.do("PUT /shop/h2", `{"_attachments":`+wrong+`}`); got.status != 400 && got.status != 404 {
			t.Errorf("%s: got %d %s", wrong, got.status, got.body)
		}
	}
	s.want(s.do("PUT /shop/h2", `{"_attachments":{"a":{"digest":"`+digestOf("nowhere")+`"}}}`), 404, "")
	s.want(s.do("PUT /shop/h3", `{"b":{"@type":"blob","content_type":"text/plain","data":"`+data+`"}}`), 201, "")
	s.want(s.do("GET /shop/h3/b?content=true", ""), 200, "picture")
}

// Whatever the range: the answer is the bytes that it says.
func FuzzRange(f *testing.F) {
	s := serve(f, unlimited)
	content := []byte(strings.Repeat("0123456789", 100))
	check(f, s.coll.Put(f.Context(), "h1", map[string]any{"b": tandem.NewBlob("text/plain", content)}))
	for _, seed := range []string{
		"", "bytes=0-", "bytes=-1", "bytes=999-", "bytes=1000-", "bytes=5-3", "bytes=0-0,5-6", "bytes=-0", "bytes=1-2,", "bytes=x",
		"bytes=0-99999999999999999999", "lines=1-2", "bytes=-9223372036854775808", "bytes= 1 - 2", strings.Repeat("bytes=0-0,", 100),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/shop/h1/b?content=true", nil)
		r.SetBasicAuth("bob", "bob")
		r.Header.Set("Range", header)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		switch got := w.Body.Bytes(); w.Code {
		case 200:
			if !bytes.Equal(got, content) {
				t.Errorf("%q: got %d bytes", header, len(got))
			}
		case 206:
			wantParts(t, header, w, content)
		case 416:
		default:
			t.Errorf("%q: got %d", header, w.Code)
		}
	})
}

func wantParts(t *testing.T, header string, w *httptest.ResponseRecorder, content []byte) {
	t.Helper()
	wantPart := func(contentRange string, part []byte) {
		var from, to, size int
		n, err := fmt.Sscanf(contentRange, "bytes %d-%d/%d", &from, &to, &size)
		if n != 3 || size != len(content) || from > to || to >= size || !bytes.Equal(part, content[from:to+1]) {
			t.Errorf("%q: got %q with %d bytes, %v", header, contentRange, len(part), err)
		}
	}
	kind, params, _ := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if kind != "multipart/byteranges" {
		wantPart(w.Header().Get("Content-Range"), w.Body.Bytes())
		return
	}
	if length := w.Header().Get("Content-Length"); length != strconv.Itoa(w.Body.Len()) {
		t.Errorf("%q: the length is %s, want %d", header, length, w.Body.Len())
	}
	for parts := multipart.NewReader(w.Body, params["boundary"]); ; {
		part, err := parts.NextPart()
		if err == io.EOF { //nolint:errorlint // as it is documented
			return
		}
		check(t, err)
		text, err := io.ReadAll(part)
		check(t, err)
		wantPart(part.Header.Get("Content-Range"), text)
	}
}
