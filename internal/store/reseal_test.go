package store_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/seal"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// directions are the changes of the encryption, each with the secrets before and after.
func directions(t *testing.T) map[string][2]*seal.Secret {
	key := rawKey(t, testKey)
	return map[string][2]*seal.Secret{
		"add": {nil, key}, "remove": {key, nil}, "change": {key, rawKey(t, make([]byte, 32))},
	}
}

func TestTheEncryptionChanges(t *testing.T) {
	inFolders(t)
	for name, secrets := range directions(t) {
		t.Run(name, func(t *testing.T) {
			db := open(t, store.Options{Secret: secrets[0]})
			s := fillSecretly(t, db)
			if _, err := db.OpenBlob(document.Digest([20]byte{})); !errors.Is(err, fault.NotFound) { // reading a missing blob leaves no user behind
				t.Errorf("a blob that is missing: got %v", err)
			}
			uuid, pending := db.PublicUUID(), putBlob(t, db, "not referred to yet")
			if err := db.ChangeKey(background, secrets[1]); err != nil {
				t.Fatal(err)
			}
			s.intact(t, db)
			save(t, db, defaults(t, db), "after", blobBody(pending))
			if db.Encrypted() != (secrets[1] != nil) || db.PublicUUID() != uuid {
				t.Errorf("encrypted is %v, UUID %x, want %x", db.Encrypted(), db.PublicUUID(), uuid)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Open(background, db.Path(), store.Options{Secret: secrets[0]}); !errors.Is(err, fault.NotADatabase) {
				t.Errorf("with what it had before: got %v", err)
			}
			again := openAt(t, db.Path(), store.Options{Secret: secrets[1]})
			s.intact(t, again)
			if got := readBlob(t, again, pending); got != "not referred to yet" || again.PublicUUID() != uuid {
				t.Errorf("got %q, UUID %x, want %x", got, again.PublicUUID(), uuid)
			}
		})
	}
}

func TestRemovingTheEncryptionOfNothing(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{})
	if err := db.ChangeKey(background, nil); err != nil || db.Encrypted() {
		t.Errorf("got %v, encrypted %v", err, db.Encrypted())
	}
}

var errKilled = errors.New("killed")

// killer is a disk that copies the folder at its n-th step, to show what a process killed at that
// step would leave.
type killer struct {
	n        int
	from, to string

	mu    sync.Mutex // guards the following
	steps int
}

func (k *killer) VFS() string { return "" }

func (k *killer) Step(store.Step, string, string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.steps++
	if k.n == 0 || k.steps < k.n {
		return nil
	}
	if k.steps == k.n {
		if err := os.CopyFS(k.to, os.DirFS(k.from)); err != nil {
			return err
		}
	}
	return errKilled
}

// begin counts steps from now on, and copies at the n-th.
func (k *killer) begin(n int, from, to string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.n, k.steps, k.from, k.to = n, 0, from, to
}

// TestAChangeThatIsCutOffAnywhere kills the process at each step of a change. The remains must open
// with either the old or the new secret, and be complete. So must the folder after the failed
// change itself, once it is closed.
func TestAChangeThatIsCutOffAnywhere(t *testing.T) {
	for name, secrets := range directions(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			by := testsize.Pick(5, 1)
			if name == "change" { // the change has few steps
				by = 1
			}
			cut, outcomes := 1, map[bool]int{}
			for ; ; cut += by {
				k := &killer{}
				db := open(t, store.Options{Secret: secrets[0], Disk: k})
				s := fillSecretly(t, db)
				left := filepath.Join(t.TempDir(), "left"+store.Extension)
				k.begin(cut, db.Path(), left)
				err := db.ChangeKey(background, secrets[1])
				if err == nil {
					break // cut lay past the last step: every one was tried
				}
				if !errors.Is(err, errKilled) {
					t.Fatalf("step %d: got %v", cut, err)
				}
				k.begin(0, "", "")
				_ = db.Close()
				for _, path := range []string{left, db.Path()} {
					changed := s.survives(t, path, secrets)
					outcomes[changed]++
				}
			}
			t.Logf("about %d steps; old secret %d times, new secret %d times", cut-1, outcomes[false], outcomes[true])
			if name != "change" && (cut < 8 || outcomes[false] == 0 || outcomes[true] == 0) {
				t.Errorf("%d steps were tried, with the outcomes %v", cut-1, outcomes)
			}
		})
	}
}

var cutAll = flag.Bool("store.all", false, "cut the power at each step of a change of the encryption, not at some") //nolint:gochecknoglobals // a flag

// TestPowerCutsInAChange cuts the power during a change and after its last step. Each cut is tried
// with several outcomes for the unsynced data.
func TestPowerCutsInAChange(t *testing.T) {
	for name, secrets := range directions(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			by := testsize.Pick(97, 3)
			if *cutAll || name == "change" { // the change has few steps
				by = 1
			}
			cut, outcomes := 1, map[bool]int{}
			for ; cutInChange(t, secrets, cut, outcomes); cut += by {
			}
			t.Logf("about %d steps; old secret %d times, new secret %d times", cut-1, outcomes[false], outcomes[true])
			if cut < 5 || outcomes[false] == 0 || outcomes[true] == 0 {
				t.Errorf("%d steps were tried, with the outcomes %v", cut-1, outcomes)
			}
		})
	}
}

// cutInChange reports whether the change has a step of that number. A completed change must
// survive.
func cutInChange(t *testing.T, secrets [2]*seal.Secret, cut int, outcomes map[bool]int) (reached bool) {
	d := storetest.NewDisk()
	defer d.Close()
	db := open(t, store.Options{Secret: secrets[0], Disk: d})
	defer db.Close()
	s := fillSecretly(t, db)
	if err := db.UpdateDurable(background, func(*store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	d.CutAt(cut)
	err := db.ChangeKey(background, secrets[1])
	tried := make(map[string]bool)
	for seed := uint64(0); seed < 8 && (seed < 3 || len(tried) > 1); seed++ {
		path := powerCut(t, d, db, seed)
		what := complete(t, path)
		if tried[what] {
			continue
		}
		tried[what] = true
		changed := s.survives(t, path, secrets)
		outcomes[changed]++
		if err == nil && !changed {
			t.Error("the change is undone")
		}
		if t.Failed() {
			t.Fatalf("cut %d, seed %d", cut, seed)
		}
	}
	return err != nil
}

// complete hashes a folder without its incomplete files.
func complete(t *testing.T, path string) string {
	t.Helper()
	files, sum := contents(t, path), sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.Contains(name, ".part") {
			fmt.Fprintf(sum, "%s %d %s", name, len(files[name]), files[name])
		}
	}
	return string(sum.Sum(nil))
}

// survives checks that the database at path opens with exactly one of two secrets and has all its
// content. It reports whether that is the second secret.
func (s secrets) survives(t *testing.T, path string, with [2]*seal.Secret) (changed bool) {
	t.Helper()
	var opened []*store.DB
	for i, secret := range with {
		db, err := store.Open(background, path, store.Options{Secret: secret, MustExist: true})
		if err == nil {
			opened, changed = append(opened, db), i == 1
		} else if !errors.Is(err, fault.NotADatabase) {
			t.Fatal(err)
		}
	}
	if len(opened) != 1 {
		t.Fatalf("%d secrets open the database, want 1", len(opened))
	}
	s.intact(t, opened[0])
	if err := opened[0].Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"resealed", "resealed.part"} {
		if _, err := os.Lstat(filepath.Join(path, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there", name)
		}
	}
	return changed
}

func TestARecoveryThatIsCutOffAnywhere(t *testing.T) {
	secrets := directions(t)["add"]
	k := &killer{}
	db := open(t, store.Options{Secret: secrets[0], Disk: k})
	s := fillSecretly(t, db)
	moved := filepath.Join(t.TempDir(), "moved"+store.Extension)
	for n := 1; ; n++ { // until the new database is complete but not yet in place
		k.begin(n, db.Path(), moved)
		if err := db.ChangeKey(background, secrets[1]); err == nil {
			t.Fatal("never cut off with a complete folder")
		}
		if _, err := os.Stat(filepath.Join(moved, "resealed")); err == nil {
			break
		}
		if err := os.RemoveAll(moved); err != nil {
			t.Fatal(err)
		}
		k.begin(0, "", "")
		db.Close()
		db = openAt(t, db.Path(), store.Options{Secret: secrets[0], Disk: k})
	}
	for n := 1; ; n++ {
		again := filepath.Join(t.TempDir(), "again"+store.Extension)
		if err := os.CopyFS(again, os.DirFS(moved)); err != nil {
			t.Fatal(err)
		}
		left := filepath.Join(t.TempDir(), "left"+store.Extension)
		recovering := &killer{}
		recovering.begin(n, again, left)
		opened, err := store.Open(background, again, store.Options{Secret: secrets[1], Disk: recovering})
		if err == nil {
			opened.Close()
			if n < 4 {
				t.Errorf("only %d steps were tried", n-1)
			}
			return
		}
		if !errors.Is(err, errKilled) {
			t.Fatalf("step %d: got %v", n, err)
		}
		if !s.survives(t, left, secrets) {
			t.Errorf("step %d: the new secret does not open it", n)
		}
	}
}

func TestTheEncryptionOfADatabaseInUseStays(t *testing.T) {
	inFolders(t)
	key := rawKey(t, testKey)
	db := open(t, store.Options{})
	s := fillSecretly(t, db)
	users := map[string]func() (end func()){
		"another process": func() func() {
			p := startChild(t, db)
			p.save("from another process")
			return p.end
		},
		"another DB": func() func() {
			other := openAt(t, db.Path(), store.Options{})
			return func() { other.Close() }
		},
		"a blob that is read": func() func() {
			b, err := db.OpenBlob(s.digest)
			if err != nil {
				t.Fatal(err)
			}
			return func() { b.Close() }
		},
		"a blob that is written": func() func() {
			w, err := db.BlobWriter(background)
			if err != nil {
				t.Fatal(err)
			}
			return w.Abort
		},
	}
	for name, use := range users {
		t.Run(name, func(t *testing.T) {
			end := use()
			if err := db.ChangeKey(background, key); !errors.Is(err, fault.Busy) || fault.Of(err).Hint == "" || fault.Of(err).Subject != db.Path() {
				t.Errorf("got %v, want fault.Busy with a hint", err)
			}
			if db.Encrypted() {
				t.Error("the database is encrypted")
			}
			end()
			save(t, db, defaults(t, db), "after", `{}`)
		})
	}
	if err := db.ChangeKey(background, key); err != nil {
		t.Errorf("with nobody else: got %v", err)
	}
	s.intact(t, db)
}

func TestAChangeThatIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	k := &canceller{cancel: cancel}
	db := open(t, store.Options{Disk: k})
	s := fillSecretly(t, db)
	k.armed.Store(true)
	if err := db.ChangeKey(ctx, rawKey(t, testKey)); !errors.Is(err, context.Canceled) {
		t.Errorf("in its middle: got %v", err)
	}
	if db.Encrypted() {
		t.Error("the database is encrypted")
	}
	s.intact(t, db)
	for name := range contents(t, db.Path()) {
		if strings.Contains(name, "resealed") {
			t.Errorf("%s is left", name)
		}
	}
}

// canceller is a disk that cancels a context at its first step after it was armed.
type canceller struct {
	cancel context.CancelFunc
	armed  atomic.Bool
}

func (c *canceller) VFS() string { return "" }

func (c *canceller) Step(store.Step, string, string) error {
	if c.armed.Load() {
		c.cancel()
	}
	return nil
}

// TestWorkGoesOnAroundAChange saves, reads and opens blobs while the encryption is switched on and
// off.
func TestWorkGoesOnAroundAChange(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{})
	c := defaults(t, db)
	digest := putBlob(t, db, "content")
	save(t, db, c, "blob", blobBody(digest))
	stop := make(chan struct{})
	var work sync.WaitGroup
	each := func(do func() error) {
		work.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := do(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	saved := 0
	each(func() error {
		saved++
		_, err := trySave(db, c, store.Edit{ID: strings.Repeat("x", saved%50+1), Body: kilobyte})
		return err
	})
	each(func() error {
		return db.View(background, func(tx *store.Tx) error {
			_, err := tx.Document(c, "blob")
			return err
		})
	})
	each(func() error {
		if !db.HasBlob(digest) {
			return errors.New("the blob is missing")
		}
		return nil
	})
	key := rawKey(t, testKey)
	for range 5 {
		for _, secret := range []*seal.Secret{key, rawKey(t, make([]byte, 32)), nil} {
			if err := db.ChangeKey(background, secret); err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	work.Wait()
	if got := readBlob(t, db, digest); got != "content" {
		t.Errorf("got %q", got)
	}
	sound(t, db)
}

func TestASubscriptionOutlivesAChange(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{})
	sub := db.Subscribe()
	defer sub.Close()
	if err := db.ChangeKey(background, rawKey(t, testKey)); err != nil {
		t.Fatal(err)
	}
	p := startChild(t, db)
	p.save("of another process")
	<-sub.C
}
