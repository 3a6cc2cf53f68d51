package store_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
	"github.com/tandemdb/tandem/internal/testsize"
)

// nodeVariable makes the test program run as a node of the database at the URL that it names.
const nodeVariable = "TANDEM_STORE_TEST_NODE"

// nodeChild saves documents until it is killed, three at a time, and prints the ID and the sequence of each one
// that is acknowledged. One document is edited by all nodes.
func nodeChild(url string) int {
	db, err := store.OpenHub(background, postgres.Engine{}, url, store.Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	c, err := db.Collection(background, store.DefaultName, store.DefaultName)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	var output sync.Mutex
	var work sync.WaitGroup
	for w := range 3 {
		work.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				var head, common *store.Document
				err := db.Update(background, func(tx *store.Tx) (err error) {
					if head, err = tx.Save(c, store.Edit{ID: id, Body: []byte(`{"n":1}`)}); err == nil {
						common, err = tx.Save(c, store.Edit{ID: "common", Body: []byte(`{"by":"` + id + `"}`)})
					}
					return err
				})
				output.Lock()
				if err == nil {
					fmt.Println("saved", id, head.Sequence, common.Sequence)
				} else {
					fmt.Println("failed", err)
				}
				output.Unlock()
			}
		})
	}
	work.Wait()
	return 0
}

// killedNode runs a node until it has acknowledged so many saves, and kills it without notice.
func killedNode(t *testing.T, url string, after int, saved func(id string, own, common store.Sequence)) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), nodeVariable+"="+url)
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Error(err)
		return
	}
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	lines := bufio.NewScanner(output)
	for n := 0; lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) != 4 || words[0] != "saved" {
			t.Errorf("a node says %q", lines.Text())
			break
		}
		own, _ := strconv.ParseUint(words[2], 10, 64)
		common, _ := strconv.ParseUint(words[3], 10, 64)
		saved(words[1], store.Sequence(own), store.Sequence(common))
		if n++; n == after {
			_ = cmd.Process.Kill() // what it has still written is read
		}
	}
	_ = cmd.Process.Kill() // again, after a node that said something else
	_ = cmd.Wait()         // it was killed
}

// TestNodesThatAreKilledLoseNothing kills nodes at work, and starts others: what they have acknowledged is there, once, at
// its sequence, and each transaction is there as a whole.
func TestNodesThatAreKilledLoseNothing(t *testing.T) {
	url := postgresURL(t)
	witness := openNode(t, url, store.Options{})
	c := defaults(t, witness)
	var mu sync.Mutex
	acknowledged := map[string]store.Sequence{}
	given := map[store.Sequence]string{} // who was told of a sequence
	rounds := testsize.Pick(3, 30)
	var work sync.WaitGroup
	for range 3 {
		work.Go(func() {
			for range rounds {
				killedNode(t, url, 5+rand.IntN(20), func(id string, own, common store.Sequence) {
					mu.Lock()
					defer mu.Unlock()
					for _, seq := range []store.Sequence{own, common} {
						if other, twice := given[seq]; twice {
							t.Errorf("%s and %s were both told of sequence %d", other, id, seq)
						}
						given[seq] = id
					}
					acknowledged[id] = own
				})
			}
		})
	}
	work.Wait()
	for id, seq := range acknowledged {
		if d := get(t, witness, c, id); d == nil || d.Sequence != seq {
			t.Errorf("%s was acknowledged at sequence %d, and is %+v", id, seq, d)
		}
	}
	view(t, witness, func(tx *store.Tx) error {
		n, err := tx.Count(c)
		last, _ := tx.LastSequence(c)
		if uint64(last) != 2*(n-1) { // each transaction has given two sequences, and made one document
			t.Errorf("%d documents, and sequences up to %d: want two for each but the common one", n, last)
		}
		return err
	})
	if n := bySQL[int](t, url, `SELECT count(*) FROM node`); n > 1+3*rounds {
		t.Errorf("there are %d sources", n)
	}
	// A folder that is made of them by a feed agrees with what SQL reads.
	if n := bySQL[int](t, url, `SELECT count(DISTINCT id) FROM "_default._default live" WHERE doc IS NOT NULL`); n < len(acknowledged) {
		t.Errorf("SQL reads %d documents, and %d were acknowledged", n, len(acknowledged))
	}
}
