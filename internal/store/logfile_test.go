package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// saveLarge returns a function that saves n documents of 10 kB with a prefix.
func saveLarge(c *store.Collection, prefix string, n int) func(*store.Tx) error {
	body := []byte(`{"text":"` + strings.Repeat(prefix[:1], 10_000) + `"}`)
	return func(tx *store.Tx) error {
		for i := range n {
			if _, err := tx.Save(c, store.Edit{ID: fmt.Sprint(prefix, i), Body: body}); err != nil {
				return err
			}
		}
		return nil
	}
}

// TestACommitWritesTheLogInLargePieces counts the writes of a commit of 1 MB, which has at least 125 pages.
func TestACommitWritesTheLogInLargePieces(t *testing.T) { atRest(t, largePieces) }

func largePieces(t *testing.T, o store.Options) {
	d := newDisk(t)
	o.Disk = d
	db := open(t, o)
	c := defaults(t, db)
	save(t, db, c, "first", `{}`) // begins the log, and reserves time
	before := d.Steps()
	update(t, db, saveLarge(c, "a", 100))
	if steps := d.Steps() - before; steps > 25 {
		t.Errorf("the commit took %d steps", steps)
	}
	sound(t, db)
}

// TestATransactionLargerThanTheCache writes pages to the log before the commit, and some of them anew:
// SQLite then computes the checksums of the log anew, too. The power is cut after the commit.
func TestATransactionLargerThanTheCache(t *testing.T) {
	testsize.Whole(t)
	atRest(t, largerThanTheCache)
}

func largerThanTheCache(t *testing.T, o store.Options) {
	for _, full := range []bool{false, true} {
		t.Run(fmt.Sprintf("full sync %v", full), func(t *testing.T) {
			t.Parallel()
			const documents = 1_000 // 10 MB
			d, o := newDisk(t), o
			o.Disk, o.FullSync = d, full
			db := open(t, o)
			c := defaults(t, db)
			err := db.UpdateDurable(background, func(tx *store.Tx) error {
				if err := saveLarge(c, "a", documents)(tx); err != nil {
					return err
				}
				return saveLarge(c, "a", documents/2)(tx) // anew
			})
			if err != nil {
				t.Fatal(err)
			}
			survivor := openAt(t, powerCut(t, d, db, 1), store.Options{Secret: o.Secret})
			if n := count(t, survivor, c); n != documents {
				t.Errorf("%d documents survive, want %d", n, documents)
			}
			sound(t, survivor)
			sound(t, db)
		})
	}
}

// TestACommitFailsAtEveryWrite fails each step of a large commit in turn. Another connection commits
// before the first one tries again: what has failed must not be written over that.
func TestACommitFailsAtEveryWrite(t *testing.T) {
	failAt := 1
	for ; commitFails(t, failAt); failAt += testsize.Pick(3, 1) {
	}
	if failAt < 5 {
		t.Errorf("only %d steps were tried", failAt-1)
	}
}

// commitFails reports whether the commit reached step failAt, which fails.
func commitFails(t *testing.T, failAt int) bool {
	t.Helper()
	errBroken := errors.New("the disk is broken")
	d := newDisk(t)
	db := open(t, store.Options{Disk: d})
	c := defaults(t, db)
	save(t, db, c, "first", `{}`)
	d.FailAt(failAt, errBroken)
	err := db.Update(background, saveLarge(c, "a", 80))
	d.Mend()
	other := openAt(t, db.Path(), store.Options{Disk: d})
	update(t, other, saveLarge(c, "other", 20))
	sound(t, other)
	update(t, db, saveLarge(c, "b", 20))
	want := uint64(1 + 20 + 20)
	if err == nil {
		want += 80
	}
	if n := count(t, db, c); n != want {
		t.Errorf("step %d: %d documents, want %d", failAt, n, want)
	}
	sound(t, db)
	return err != nil
}

// TestALogReadsAsItWasWritten writes frames to a log, in order and out of order, and compares with a
// plain file. After the last frame of a commit, the file below has everything.
func TestALogReadsAsItWasWritten(t *testing.T) {
	const page, frame = 8192, 24 + 8192
	testsize.Check(t, func(t *rapid.T) {
		below, plain := &memoryFile{}, &memoryFile{}
		log := store.LogFile(below)
		write := func(p []byte, off int) {
			_, _ = plain.WriteAt(p, int64(off))
			if n, err := log.WriteAt(p, int64(off)); n != len(p) || err != nil {
				t.Fatalf("wrote %d of %d bytes: %v", n, len(p), err)
			}
		}
		frames := 0
		for range rapid.IntRange(1, 60).Draw(t, "writes") {
			place := frames
			if frames > 0 && rapid.IntRange(0, 5).Draw(t, "anew") == 0 {
				place = rapid.IntRange(0, frames-1).Draw(t, "place")
			}
			frames = max(frames, place+1)
			header := bytes.Repeat([]byte{rapid.Byte().Draw(t, "text")}, 24)
			last := rapid.IntRange(0, 9).Draw(t, "last") == 0
			binary.BigEndian.PutUint32(header[4:], 0)
			if last {
				header[7] = 1
			}
			write(header, 32+place*frame)
			if place == frames-1 || !last { // else only the header is written anew
				write(bytes.Repeat(header[:1], page), 32+place*frame+24)
			}
			if last && !bytes.Equal(below.content, plain.content) {
				t.Fatal("frames of a commit are not written")
			}
			if rapid.IntRange(0, 9).Draw(t, "read") == 0 {
				got := make([]byte, 100)
				off := rapid.IntRange(0, len(plain.content)-len(got)).Draw(t, "read at")
				if n, err := log.ReadAt(got, int64(off)); n != len(got) || err != nil || !bytes.Equal(got, plain.content[off:off+n]) {
					t.Fatalf("read %d bytes at %d, which are others: %v", n, off, err)
				}
			}
		}
	})
}
