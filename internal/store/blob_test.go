package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// putBlob stores content and returns its digest.
func putBlob(t testing.TB, db *store.DB, content string) string {
	t.Helper()
	w, err := db.BlobWriter(background)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	digest, size, err := w.Commit(background, "")
	if err != nil || size != int64(len(content)) {
		t.Fatalf("got size %d, %v", size, err)
	}
	return digest
}

func blobBody(digest string) string {
	return fmt.Sprintf(`{"photos":[{"@type":"blob","digest":%q,"length":12}]}`, digest)
}

func readBlob(t testing.TB, db *store.DB, digest string) string {
	t.Helper()
	b, err := db.OpenBlob(digest)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	content, err := io.ReadAll(b)
	if err != nil || int64(len(content)) != b.Size {
		t.Errorf("read %d bytes of %d: %v", len(content), b.Size, err)
	}
	return string(content)
}

func TestABlobIsStoredOnceUnderItsDigest(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{})
	const digest = "sha1-ArH2IhJgRp/90GRqSAdAfa750BE="
	if db.HasBlob(digest) {
		t.Error("there is a blob before")
	}
	if _, err := db.OpenBlob(digest); !errors.Is(err, fault.NotFound) || strings.Contains(err.Error(), db.Path()) {
		t.Errorf("open a missing blob: got %v", err)
	}
	if _, err := db.OpenBlob("../../etc/passwd"); !errors.Is(err, fault.Invalid) {
		t.Errorf("open a bad digest: got %v", err)
	}
	for range 2 { // the second time the content exists already
		if got := putBlob(t, db, "Hello, blob!"); got != digest {
			t.Errorf("got digest %s, want %s", got, digest)
		}
	}
	if got := readBlob(t, db, digest); got != "Hello, blob!" {
		t.Errorf("got %q", got)
	}
	if n := countFiles(t, db); n != 1 {
		t.Errorf("got %d files, want 1", n)
	}
}

func TestBlobWriterKeepsNothingUnfinished(t *testing.T) {
	db := open(t, store.Options{FullSync: true})
	for name, end := range map[string]func(*store.BlobWriter){
		"aborted": (*store.BlobWriter).Abort,
		"of another digest": func(w *store.BlobWriter) {
			_, _, err := w.Commit(background, "sha1-ArH2IhJgRp/90GRqSAdAfa750BE=")
			if !errors.Is(err, fault.CorruptData) {
				t.Errorf("got %v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := db.BlobWriter(background)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte("content")); err != nil {
				t.Fatal(err)
			}
			end(w)
			w.Abort()
			if n := countFiles(t, db); n != 0 {
				t.Errorf("got %d files", n)
			}
			if _, err := w.Write([]byte("more")); !errors.Is(err, fault.NotOpen) {
				t.Errorf("a write afterwards: got %v", err)
			}
			if _, _, err := w.Commit(background, ""); !errors.Is(err, fault.NotOpen) {
				t.Errorf("a commit afterwards: got %v", err)
			}
		})
	}
}

func TestCompactRemovesOrphansOnly(t *testing.T) {
	inFolders(t)
	now := time.Now()
	db := open(t, store.Options{Versioning: store.RevTrees, Now: func() time.Time { return now }})
	c, peer := defaults(t, db), remote(t, db, "wss://peer/db")
	old, current, pending := putBlob(t, db, "old"), putBlob(t, db, "current"), putBlob(t, db, "pending")
	theirs, attached := putBlob(t, db, "theirs"), putBlob(t, db, "attached")
	save(t, db, c, "a", blobBody(old))
	save(t, db, c, "a", blobBody(current))
	save(t, db, c, "b", `{}`)
	conflict := store.Incoming{ID: "b", Rev: rev(t, "1-ff", ""), Body: []byte(blobBody(theirs)), Remote: peer}
	if o, err := receive(db, c, conflict); o != store.Conflicted || err != nil {
		t.Fatal(o, err)
	}
	in := store.Incoming{ID: "c", Rev: rev(t, "1-aa", ""), Body: fmt.Appendf(nil, `{"_attachments":{"x":{"digest":%q}}}`, attached)}
	if _, err := receive(db, c, in); err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(db.Path(), "blobs", "1.part")
	if err := os.WriteFile(part, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	has := func(want map[string]bool) {
		t.Helper()
		if err := db.Compact(background); err != nil {
			t.Fatal(err)
		}
		for digest, want := range want {
			if got := db.HasBlob(digest); got != want {
				t.Errorf("%s: present is %v, want %v", digest, got, want)
			}
		}
	}
	has(map[string]bool{old: false, current: true, pending: true, theirs: true, attached: true})
	if _, err := os.Stat(part); err != nil {
		t.Errorf("a blob that is being written was removed: %v", err)
	}
	if err := os.Chtimes(part, now.Add(-25*time.Hour), now.Add(-25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(25 * time.Hour) // the pending entry has expired
	update(t, db, func(tx *store.Tx) error { return tx.Purge(c, "b") })
	has(map[string]bool{current: true, pending: false, theirs: false, attached: true})
	if _, err := os.Stat(part); err == nil {
		t.Error("an unfinished blob is still there after a day")
	}
	sound(t, db)
}

func TestCompactGivesSpaceBack(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{})
	c := defaults(t, db)
	for i := range 500 {
		save(t, db, c, fmt.Sprint(i), string(kilobyte))
	}
	if err := db.Compact(background); err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		info, err := os.Stat(filepath.Join(db.Path(), "db.sqlite3"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	update(t, db, func(tx *store.Tx) error {
		for i := range 400 {
			if err := tx.Purge(c, fmt.Sprint(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := db.Compact(background); err != nil {
		t.Fatal(err)
	}
	if after := size(); after > before/2 {
		t.Errorf("%d bytes before, %d after", before, after)
	}
	if info, err := os.Stat(filepath.Join(db.Path(), "db.sqlite3-wal")); err == nil && info.Size() != 0 {
		t.Errorf("the log has %d bytes", info.Size())
	}
	sound(t, db)
}

func TestCheckFindsDamage(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{})
	c := defaults(t, db)
	lost, damaged := putBlob(t, db, "lost"), putBlob(t, db, "damaged")
	save(t, db, c, "a", blobBody(lost))
	save(t, db, c, "b", blobBody(damaged))
	sound(t, db)
	for _, file := range files(t, db) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(content, []byte("lost")) {
			err = os.Remove(file)
		} else {
			err = os.WriteFile(file, []byte("demaged"), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	problems, err := db.Check(background)
	if err != nil || len(problems) != 2 {
		t.Fatalf("got %v, %v", problems, err)
	}
	for _, p := range problems {
		if !strings.Contains(p.String(), lost) && !strings.Contains(p.String(), damaged) {
			t.Errorf("got %v", p)
		}
	}
}

func TestACopyIsAnotherDatabaseWithTheSameContent(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{Versioning: store.RevTrees})
	c := defaults(t, db)
	digest := putBlob(t, db, "content")
	putBlob(t, db, "orphan")
	doc := save(t, db, c, "a", blobBody(digest))
	update(t, db, func(tx *store.Tx) error {
		_, err := tx.SetPeerCheckpoint("cp", "", []byte("{}"))
		return errors.Join(err, tx.SetLocalCheckpoint("cp", []byte("{}")))
	})
	to := filepath.Join(t.TempDir(), "copy.tandem")
	if err := db.Copy(background, to); err != nil {
		t.Fatal(err)
	}
	if err := db.Copy(background, to); !errors.Is(err, fault.Invalid) {
		t.Errorf("onto an existing one: got %v", err)
	}
	two := openAt(t, to, store.Options{MustExist: true, Versioning: store.RevTrees})
	if db.PublicUUID() == two.PublicUUID() || db.PrivateUUID() == two.PrivateUUID() || db.Source() == two.Source() {
		t.Error("the copy has the UUIDs of the original")
	}
	if got := two.PreviousUUIDs(); len(got) != 1 || got[0] != db.PrivateUUID() {
		t.Errorf("the copy knows as previous UUIDs %x, want %x", got, db.PrivateUUID())
	}
	c2 := defaults(t, two)
	if got := get(t, two, c2, "a"); got == nil || got.Rev.ID != doc.Rev.ID || got.Sequence != doc.Sequence {
		t.Errorf("got %+v", got)
	}
	if got := readBlob(t, two, digest); got != "content" {
		t.Errorf("got %q", got)
	}
	if n := countFiles(t, two); n != 1 {
		t.Errorf("got %d blobs, want 1", n)
	}
	view(t, two, func(tx *store.Tx) error {
		_, _, ok, err := tx.PeerCheckpoint("cp")
		local, err2 := tx.LocalCheckpoint("cp")
		if !ok || local == nil {
			t.Error("the copy has no checkpoints of the original")
		}
		return errors.Join(err, err2)
	})
	sound(t, two)
	entries, err := os.ReadDir(filepath.Dir(to))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func files(t testing.TB, db *store.DB) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(db.Path(), "blobs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func countFiles(t testing.TB, db *store.DB) int {
	t.Helper()
	return len(files(t, db))
}
