package tandem_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tandemdb/tandem"

	"github.com/tandemdb/tandem/internal/fuzzing"
)

// The digest of "Hello, World", by openssl.
const helloDigest = "sha1-kH0U+zrysNTxjC1Gq+iu3OFzZ70="

func TestABlobInADocument(t *testing.T) {
	c := newCollection(t)
	d := newDocument(t, "a", `{"list":[1,{"~/":null}]}`)
	b := tandem.NewBlob("text/plain", []byte("Hello, World"))
	check(t, d.SetBlob("b", b))
	wantBlob(t, d.Blob("b"), "Hello, World", "text/plain") // before it is saved
	check(t, c.Save(t.Context(), d))

	const reference = `{"@type":"blob","digest":"` + helloDigest + `","length":12,"content_type":"text/plain"}`
	wantBody(t, c, "a", `{"list":[1,{"~/":null}],"b":`+reference+`}`)
	wantBlob(t, read(t, c, "a").Blob("b"), "Hello, World", "text/plain")
	wantBlob(t, d.Blob("/b"), "Hello, World", "text/plain")

	r, err := c.Database().OpenBlob(b.Digest())
	check(t, err)
	defer r.Close()
	_, err = r.Seek(7, io.SeekStart)
	check(t, err)
	if rest, err := io.ReadAll(r); string(rest) != "World" || err != nil {
		t.Errorf("from byte 7: got %q, %v, want World", rest, err)
	}
	check(t, d.SetBlob("b", nil))
	if got := string(d.Body()); got != `{"list":[1,{"~/":null}]}` {
		t.Errorf("after its removal: %s", got)
	}
}

func wantBlob(t testing.TB, b *tandem.Blob, content, contentType string) {
	t.Helper()
	if b == nil {
		t.Fatal("there is no blob")
	}
	got, err := b.Content()
	if string(got) != content || err != nil || b.Length() != int64(len(content)) || b.ContentType() != contentType {
		t.Errorf("got blob of %d bytes %q, type %q, %v, want %q, type %q",
			b.Length(), got, b.ContentType(), err, content, contentType)
	}
}

func TestContentInABodyIsStoredApart(t *testing.T) {
	c := newCollection(t)
	save(t, c, "a", `{
		"deep":[{"x":{"@type":"blob","data":"SGVsbG8sIFdvcmxk","name":"n"}}],
		"empty":{"@type":"blob","data":""},
		"data":"SGVsbG8=",
		"other":{"@type":"blub","data":"SGVsbG8="}}`)
	wantBody(t, c, "a", `{"deep":[{"x":{"@type":"blob","name":"n","digest":"`+helloDigest+`","length":12}}],`+
		`"empty":{"@type":"blob","digest":"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=","length":0},`+
		`"data":"SGVsbG8=","other":{"@type":"blub","data":"SGVsbG8="}}`)
	wantBlob(t, read(t, c, "a").Blob("/deep/0/x"), "Hello, World", "")
	empty := read(t, c, "a").Blob("empty")
	wantBlob(t, empty, "", "")
	const want = `{"@type":"blob","digest":"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=","length":0}`
	if text, err := json.Marshal(empty); string(text) != want || err != nil {
		t.Errorf("a stored blob in JSON: got %s, %v, want %s", text, err, want)
	}
}

// A JSON text may write the names of members with escapes.
func TestABlobIsOneHoweverItIsWritten(t *testing.T) {
	c := newCollection(t)
	save(t, c, "a", `{"pic":{"\u0040type":"blob","d\u0061ta":"SGVsbG8="}}`)
	doc, err := c.Document(t.Context(), "a")
	check(t, err)
	if body := string(doc.Body()); strings.Contains(body, "SGVsbG8=") || !strings.Contains(body, `"digest":"sha1-`) {
		t.Errorf("stored is %s, want a reference to the content", body)
	}
	save(t, c, "b", strings.Replace(string(doc.Body()), "digest", `\u0064igest`, 1))
	var b struct{ Pic *tandem.Blob }
	doc, err = c.Document(t.Context(), "b")
	check(t, err)
	check(t, doc.Decode(&b))
	wantBlob(t, b.Pic, "Hello", "")
}

func TestBlobFindsOnlyBlobs(t *testing.T) {
	body := `{"a/b":{"@type":"blob","digest":"` + helloDigest + `"},"n":null,"t":"x","l":[0,1],"o":{"@type":"blob"}}`
	d := newDocument(t, "a", body)
	for _, place := range []string{"a/b", "/a~1b"} {
		if b := d.Blob(place); b == nil || b.Digest() != helloDigest || b.Length() != -1 {
			t.Errorf("%s: got %v, want a blob of unknown length", place, b)
		}
	}
	for _, place := range []string{"", "/", "x", "n", "t", "l", "/l/0", "/l/00", "/l/-1", "/l/2", "/l/99999999999", "o", "/t/x"} {
		if b := d.Blob(place); b != nil {
			t.Errorf("%q: got a blob", place)
		}
	}
}

func TestCreateBlobStreams(t *testing.T) {
	c := newCollection(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	b, err := c.Database().CreateBlob(t.Context(), "application/x", iotest.HalfReader(bytes.NewReader(content)))
	check(t, err)
	wantBlob(t, b, string(content), "application/x")
	check(t, c.Put(t.Context(), "a", map[string]any{"file": b}))
	wantBlob(t, read(t, c, "a").Blob("file"), string(content), "application/x")

	broken := errors.New("cable pulled")
	_, err = c.Database().CreateBlob(t.Context(), "", io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)))
	wantError(t, "a reader that fails", err, broken)
	wantError(t, "a reader that fails", err, tandem.ErrIO)
}

func TestABlobIsAFieldOfAStruct(t *testing.T) {
	c := newCollection(t)
	type album struct {
		Cover  tandem.Blob    `json:"cover"`
		Photos []*tandem.Blob `json:"photos"`
		None   *tandem.Blob   `json:"none"`
		Empty  tandem.Blob    `json:"empty"`
	}
	in := album{Cover: *tandem.NewBlob("image/png", []byte("cover")), Photos: []*tandem.Blob{tandem.NewBlob("", nil)}}
	check(t, c.Put(t.Context(), "a", in))
	var out album
	check(t, c.Get(t.Context(), "a", &out))
	if out.Cover.Digest() != in.Cover.Digest() || out.Cover.Length() != 5 || out.None != nil || out.Empty.Digest() != "" {
		t.Errorf("got %+v", out)
	}
	wantBlob(t, &out.Cover, "cover", "image/png")
	wantBlob(t, out.Photos[0], "", "")
	for name, none := range map[string]*tandem.Blob{"nil": out.None, "zero": &out.Empty} {
		_, err := none.Content()
		wantError(t, "content of a blob that is "+name, err, tandem.ErrNotFound)
	}

	out = album{}
	check(t, json.Unmarshal(read(t, c, "a").Body(), &out))
	_, err := out.Cover.Open()
	wantError(t, "open a blob without a database", err, tandem.ErrInvalid)
	r, err := c.Database().OpenBlob(out.Cover.Digest())
	check(t, err)
	check(t, r.Close())
	err = json.Unmarshal([]byte(`{"cover":{"digest":"x"}}`), &out)
	wantError(t, "an object that is no blob", err, tandem.ErrInvalid)
}

func TestDecodedBlobsCanBeOpenedWhereverTheyAre(t *testing.T) {
	type Inner struct{ File *tandem.Blob }
	type hidden map[string]tandem.Blob
	type outer struct {
		Inner
		ByName map[string]tandem.Blob
		Pages  [2]struct{ Scan tandem.Blob }
		Any    any
		Self   *outer `json:"-"` // leads back
		hidden
		note string
	}
	c := newCollection(t)
	blob := func(text string) *tandem.Blob { return tandem.NewBlob("text/plain", []byte(text)) }
	in := outer{Inner: Inner{blob("inner")}, ByName: map[string]tandem.Blob{"a": *blob("named")}, Any: Inner{blob("any")}}
	in.Pages[1].Scan = *blob("page")
	check(t, c.Put(t.Context(), "a", in))

	out := outer{Any: new(Inner), note: "stays", hidden: hidden{"a": *tandem.NewBlob("", nil)}}
	out.Self = &out
	check(t, c.Get(t.Context(), "a", &out))
	wantBlob(t, out.File, "inner", "text/plain")
	named := out.ByName["a"]
	wantBlob(t, &named, "named", "text/plain")
	wantBlob(t, &out.Pages[1].Scan, "page", "text/plain")
	wantBlob(t, out.Any.(*Inner).File, "any", "text/plain")
	if out.note != "stays" {
		t.Errorf("a field that JSON does not reach is %q", out.note)
	}
}

func TestCompactRemovesWhatNobodyRefersTo(t *testing.T) {
	inFolders(t, "blobs in PostgreSQL stay for a day")
	c := newCollection(t)
	db := c.Database()
	keep, gone := tandem.NewBlob("", []byte("keep")), tandem.NewBlob("", []byte("gone"))
	check(t, c.Put(t.Context(), "a", map[string]any{"keep": keep, "gone": gone}))
	check(t, c.Put(t.Context(), "a", map[string]any{"keep": keep}))
	pending, err := db.CreateBlob(t.Context(), "", strings.NewReader("not in a document yet"))
	check(t, err)
	check(t, db.Compact(t.Context()))
	for _, b := range []*tandem.Blob{keep, pending} {
		r, err := db.OpenBlob(b.Digest())
		check(t, err)
		check(t, r.Close())
	}
	_, err = db.OpenBlob(gone.Digest())
	wantError(t, "a blob without a document", err, tandem.ErrNotFound)
	_, err = db.OpenBlob("sha1-x")
	wantError(t, "malformed digest", err, tandem.ErrInvalid)
}

func FuzzBlobJSON(f *testing.F) {
	f.Add([]byte(`{"@type":"blob","digest":"` + helloDigest + `","length":12}`))
	f.Add([]byte(`{"@type":"blob","data":"SGVsbG8=","length":12,"content_type":"a/b"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var b, again tandem.Blob
		var err error
		fuzzing.Bounded(t, len(text), func() { err = json.Unmarshal(text, &b) })
		if err != nil {
			return
		}
		out, err := json.Marshal(&b)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := json.Unmarshal(out, &again); err != nil || again.Digest() != b.Digest() || again.Length() != b.Length() {
			t.Errorf("%s became %s: %v", text, out, err)
		}
	})
}
