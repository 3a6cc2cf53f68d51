package store_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// TestSQLReadsWhatWasSaved reads documents from their tables: exactly, once each, and as jsonb where that can hold them.
func TestSQLReadsWhatWasSaved(t *testing.T) {
	dbs, url := nodes(t, 1, store.Options{})
	db, c := dbs[0], defaults(t, dbs[0])
	tests := map[string]struct {
		body string
		fits bool
	}{
		"number":         {`{"n":12345678901234567890.123456789}`, true},
		"exponent":       {`{"n":1e300}`, true},
		"huge exponent":  {`{"n":1e-99999999}`, false},
		"text":           {`{"s":"ü \u00fc \ud83d\ude00 \" \\ \n"}`, true},
		"zero":           {`{"s":"\u0000"}`, false},
		"escaped escape": {`{"s":"\\u0000"}`, true},
		"high alone":     {`{"s":"\ud83d"}`, false},
		"low alone":      {`{"s":"\ude00"}`, false},
		"two highs":      {`{"s":"\ud83d\ud83d"}`, false},
		"empty":          {`{}`, true},
	}
	for id, test := range tests {
		d := save(t, db, c, id, test.body)
		saved := bySQL[string](t, url, `SELECT body FROM "_default._default" WHERE id = $1`, id)
		fits := bySQL[bool](t, url, `SELECT doc IS NOT NULL AND unfit IS NULL FROM "_default._default" WHERE id = $1`, id)
		if saved != string(d.Body) {
			t.Errorf("%s: SQL reads %.60s, want %.60s", id, saved, d.Body)
		}
		if fits != test.fits {
			t.Errorf("%s: as jsonb: %v, want %v", id, fits, test.fits)
		}
	}
	if n := bySQL[string](t, url, `SELECT doc->>'n' FROM "_default._default live" WHERE id = 'number'`); n != "12345678901234567890.123456789" {
		t.Errorf("SQL reads the number %s", n)
	}
	update(t, db, func(tx *store.Tx) error {
		_, err := tx.Save(c, store.Edit{ID: "empty", Deleted: true})
		return err
	})
	if n := bySQL[int](t, url, `SELECT count(*) FROM "_default._default live"`); n != len(tests)-1 {
		t.Errorf("the view has %d documents, want %d", n, len(tests)-1)
	}
	if !bySQL[bool](t, url, `SELECT deleted FROM "_default._default" WHERE id = 'empty'`) {
		t.Error("SQL does not see the deletion")
	}
}

// TestIDsAreInTheOrderOfTheirBytes compares the order with that of folders.
func TestIDsAreInTheOrderOfTheirBytes(t *testing.T) {
	dbs, _ := nodes(t, 1, store.Options{})
	db, c := dbs[0], defaults(t, dbs[0])
	want := []string{"A", "Z", "a", "a b", "a-b", "a.b", "ab", "ä", "中"}
	for _, id := range want {
		save(t, db, c, id, `{}`)
	}
	view(t, db, func(tx *store.Tx) error {
		docs, err := tx.Scan(c, store.Range{}, 100, store.Select{})
		for i, d := range docs {
			if d.ID != want[i] {
				t.Errorf("document %d is %q, want %q", i, d.ID, want[i])
			}
		}
		back, _ := tx.Scan(c, store.Range{From: "a", Before: "ab", Descending: true}, 2, store.Select{WithBody: true})
		if len(back) != 2 || back[0].ID != "a.b" || string(back[1].Body) != `{}` {
			t.Errorf("the range has %d documents", len(back))
		}
		return err
	})
}

// TestAnyTextBoundsARange compares ranges with those of a folder, and with bounds that no ID can be.
func TestAnyTextBoundsARange(t *testing.T) {
	dbs, _ := nodes(t, 1, store.Options{})
	all := []*store.DB{dbs[0], open(t, store.Options{})}
	ids := []string{"a", "ab", "a\u00ff", "b", "\u00e9", "\U0001f600"}
	for _, db := range all {
		for _, id := range ids {
			save(t, db, defaults(t, db), id, `{}`)
		}
	}
	for _, from := range []string{"", "a", "a\x00", "a\x00z", "a\xc3", "\xff", "b\x00", "\x00"} {
		for _, before := range []string{"", "a\x00", "ab\x00", "a\xff", "\xf0\x9f", "\x00"} {
			var found [2]string
			for i, db := range all {
				view(t, db, func(tx *store.Tx) error {
					docs, err := tx.Scan(defaults(t, db), store.Range{From: from, Before: before}, 10, store.Select{})
					for _, d := range docs {
						found[i] += d.ID + " "
					}
					return err
				})
			}
			if found[0] != found[1] {
				t.Errorf("from %q before %q PostgreSQL has %q, a folder %q", from, before, found[0], found[1])
			}
		}
	}
	view(t, all[0], func(tx *store.Tx) error {
		log, err := tx.ConflictLog(store.ConflictFilter{ID: "a\x00"}, 10)
		if len(log) != 0 {
			t.Errorf("the log has %d conflicts", len(log))
		}
		return err
	})
}

func TestABlobIsReadOnAnotherNode(t *testing.T) {
	dbs, url := nodes(t, 2, store.Options{})
	a, b := dbs[0], dbs[1]
	content := make([]byte, 700<<10) // two chunks and a part of one
	rand.Read(content)
	digest := putContent(t, a, content)
	if again := putContent(t, b, content); again != digest {
		t.Errorf("the same content has the digests %s and %s", digest, again)
	}
	if n := bySQL[int](t, url, `SELECT count(*) FROM blob`); n != 1 {
		t.Errorf("the content is stored %d times", n)
	}
	if !b.HasBlob(digest) || b.HasBlob("sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=") {
		t.Error("the other node does not know which contents there are")
	}
	blob, err := b.OpenBlob(digest)
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	if blob.Size != int64(len(content)) || drained(t, blob) != string(content) {
		t.Error("the other node reads another content")
	}
	for _, at := range []int64{0, 256 << 10, 256<<10 - 1, 700<<10 - 5} {
		part := make([]byte, 5)
		_, seeking := blob.Seek(at, io.SeekStart)
		if _, err := io.ReadFull(blob, part); err != nil || seeking != nil || !bytes.Equal(part, content[at:at+5]) {
			t.Errorf("at %d: %v, %v", at, seeking, err)
		}
	}
	if end, err := blob.Seek(-1, io.SeekEnd); err != nil || end != int64(len(content))-1 {
		t.Errorf("got %d, %v", end, err)
	}
	if _, err := blob.Seek(-1, io.SeekStart); err == nil {
		t.Error("a place before the content is found")
	}
}

func putContent(t testing.TB, db *store.DB, content []byte) (digest string) {
	t.Helper()
	w, err := db.BlobWriter(background)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for part := content; len(part) > 0; { // in pieces that fit no chunk
		n := min(len(part), 100_001)
		if _, err := w.Write(part[:n]); err != nil {
			t.Fatal(err)
		}
		part = part[n:]
	}
	digest, size, err := w.Commit(background, "")
	if err != nil || size != int64(len(content)) {
		t.Fatalf("commit of %d bytes: %d, %v", len(content), size, err)
	}
	return digest
}

func TestABlobThatIsNotWantedLeavesNothing(t *testing.T) {
	dbs, url := nodes(t, 1, store.Options{})
	for name, end := range map[string]func(w *store.BlobWriter) error{
		"aborted": func(w *store.BlobWriter) error { w.Abort(); return nil },
		"of another digest": func(w *store.BlobWriter) error {
			_, _, err := w.Commit(background, "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
			if !errors.Is(err, fault.CorruptData) {
				t.Errorf("got %v, want corrupt data", err)
			}
			return nil
		},
	} {
		w, err := dbs[0].BlobWriter(background)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 300<<10)); err != nil {
			t.Fatal(err)
		}
		if err := end(w); err != nil {
			t.Error(err)
		}
		if _, err := w.Write([]byte("x")); !errors.Is(err, fault.NotOpen) {
			t.Errorf("%s: a write afterwards: %v", name, err)
		}
		if n := bySQL[int](t, url, `SELECT (SELECT count(*) FROM blob) + (SELECT count(*) FROM chunk)`); n != 0 {
			t.Errorf("%s: %d rows stay", name, n)
		}
	}
}

// TestTheCollectorSparesWhatIsNeeded ages contents by SQL: those that a document refers to stay, and one that becomes
// needed while the collector runs.
func TestTheCollectorSparesWhatIsNeeded(t *testing.T) {
	dbs, url := nodes(t, 2, store.Options{})
	a, b := dbs[0], dbs[1]
	c := defaults(t, a)
	needed, orphan, young := putContent(t, a, []byte("needed")), putContent(t, a, []byte("orphan")), putContent(t, a, []byte("young"))
	save(t, a, c, "a", `{"b":{"@type":"blob","digest":"`+needed+`","length":6}}`)
	run(t, url, `UPDATE blob SET touched = touched - interval '2 days' WHERE digest <> '`+young+`'`)
	if err := b.Compact(background); err != nil {
		t.Fatal(err)
	}
	for digest, want := range map[string]bool{needed: true, orphan: false, young: true} {
		if a.HasBlob(digest) != want {
			t.Errorf("blob %s is there: %v, want %v", digest, !want, want)
		}
	}
	run(t, url, `UPDATE blob SET touched = touched - interval '3 days'`)
	save(t, a, c, "b", `{"b":{"@type":"blob","digest":"`+young+`","length":5}}`)
	if age := bySQL[bool](t, url, `SELECT touched > clock_timestamp() - interval '1 hour' FROM blob WHERE digest = $1`, young); !age {
		t.Error("a document that refers to a content does not keep it from the collector")
	}
	err := a.Update(background, func(tx *store.Tx) error {
		_, err := tx.Save(c, store.Edit{ID: "c", Body: []byte(`{"b":{"@type":"blob","digest":"` + orphan + `","length":6}}`)})
		return err
	})
	if !errors.Is(err, fault.NotFound) {
		t.Errorf("a document refers to a content that was collected: %v", err)
	}
}

func TestAbsentBlobsAreListed(t *testing.T) {
	dbs, _ := nodes(t, 1, store.Options{})
	const digest = "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA="
	update(t, dbs[0], func(tx *store.Tx) error {
		_, err := tx.Save(defaults(t, dbs[0]), store.Edit{
			ID: "a", AllowAbsentBlobs: true, Body: []byte(`{"b":{"@type":"blob","digest":"` + digest + `","length":6}}`),
		})
		return err
	})
	absent, err := dbs[0].AbsentBlobs(context.Background())
	if err != nil || len(absent) != 1 || absent[0] != digest {
		t.Errorf("got %v, %v", absent, err)
	}
}
