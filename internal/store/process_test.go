package store_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/seal"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// childVariable makes the test program run as a second process on the database that it names.
const childVariable = "TANDEM_STORE_TEST_CHILD"

// child reads IDs from standard input, one per line. For each it saves a document and repeats the
// line.
func child(path string) int {
	o := store.Options{MustExist: true}
	if store.IsEncrypted(path) {
		o.Secret, _ = seal.RawKey(testKey)
	}
	db, err := store.Open(background, path, o)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer db.Close()
	c, err := db.Collection(background, store.DefaultName, store.DefaultName)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := childSave(db, c, lines.Text()); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(lines.Text())
	}
	return 0
}

func childSave(db *store.DB, c *store.Collection, id string) error {
	body := ""
	if strings.HasPrefix(id, "blob") {
		w, err := db.BlobWriter(background)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, id); err != nil {
			return err
		}
		digest, _, err := w.Commit(background, "")
		if err != nil {
			return err
		}
		body = blobBody(digest)
	}
	if body == "" {
		body = `{"words":"of the child","v":[2,1]}`
	}
	_, err := trySave(db, c, store.Edit{ID: id, Body: []byte(body)})
	return err
}

// process is a second process that serves one request at a time.
type process struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Scanner
	end func() // ends the process and waits; harmless when called again
}

func startChild(t *testing.T, db *store.DB) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+db.Path())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, in: in, out: bufio.NewScanner(out)}
	p.end = sync.OnceFunc(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the second process: %v", err)
		}
	})
	t.Cleanup(p.end)
	return p
}

// save makes the second process save a document, and waits until it has.
func (p *process) save(id string) {
	fmt.Fprintln(p.in, id)
	if !p.out.Scan() || p.out.Text() != id {
		p.t.Errorf("the second process says %q", p.out.Text())
	}
}

func TestTwoProcessesWriteAtOnce(t *testing.T) {
	inFolders(t)
	atRest(t, twoProcesses)
}

func twoProcesses(t *testing.T, o store.Options) {
	each := testsize.Pick(50, 300)
	db := open(t, o)
	c := defaults(t, db)
	createIndex(t, db, store.Index{Name: "words", Expressions: []string{"words"}, Text: &fulltext.Options{}})
	near := vectorIndex("near", store.VectorOptions{Dimensions: 2, Metric: "dot", Centroids: 2, MinTraining: 2, Probes: 1})
	createIndex(t, db, near)
	p := startChild(t, db)
	var both sync.WaitGroup
	both.Go(func() {
		for i := range each {
			p.save(fmt.Sprint("child-", i))
		}
	})
	both.Go(func() {
		for i := range each {
			save(t, db, c, fmt.Sprint("parent-", i), `{"words":"of the parent","v":[1,2]}`)
			if i == 3 || i == 30 { // divides the vectors into lists, and anew
				createIndex(t, db, near)
			}
		}
	})
	both.Wait()
	view(t, db, func(tx *store.Tx) error {
		docs, err := tx.Changes(c, 0, 3*each, store.Select{})
		if len(docs) != 2*each {
			t.Errorf("got %d documents, want %d", len(docs), 2*each)
		}
		for i, d := range docs {
			if d.Sequence != store.Sequence(i+1) {
				t.Fatalf("sequence %d at place %d", d.Sequence, i)
			}
			if i > 0 && d.Rev.ID.Time() <= docs[i-1].Rev.ID.Time() {
				t.Errorf("the clock went back at %s", d.ID)
			}
		}
		return err
	})
	sound(t, db)
	if trained(t, db, c, "near") == "" {
		t.Error("the vectors are in no lists")
	}
}

func TestCommitsOfAnotherProcessAreNoticed(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{})
	p := startChild(t, db)
	sub := db.Subscribe()
	defer sub.Close()
	p.save("first")
	<-sub.C
	var median time.Duration
	for range 5 { // other programs may use the processor during some rounds
		var delays []time.Duration
		for i := range 20 {
			p.save(fmt.Sprint("doc-", i))
			start := time.Now()
			<-sub.C // of this commit: each commit sends one
			delays = append(delays, time.Since(start))
		}
		slices.Sort(delays)
		if median = delays[10]; median < 100*time.Millisecond {
			return
		}
	}
	t.Errorf("commits are noticed after %v, want 100ms at most", median)
}

func TestCompactSparesAnotherProcessesBlobs(t *testing.T) {
	inFolders(t)
	atRest(t, compactBesideAnother)
}

func compactBesideAnother(t *testing.T, o store.Options) {
	db := open(t, o)
	c := defaults(t, db)
	p := startChild(t, db)
	stop := make(chan struct{})
	var compacting sync.WaitGroup
	compacting.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := db.Compact(background); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range testsize.Pick(15, 50) {
		id := fmt.Sprint("blob-", i%10)
		p.save(id)
		update(t, db, func(tx *store.Tx) error { return tx.Purge(c, id) })
		p.save(id) // the content may or may not exist yet
	}
	close(stop)
	compacting.Wait()
	sound(t, db)
}
