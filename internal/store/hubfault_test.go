package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
)

// relay stands between a node and its server, and cuts connections.
type relay struct {
	listener net.Listener
	server   string
	work     sync.WaitGroup

	// cutAt is how many messages in a direction are still passed before the connection is cut; a negative number
	// passes all.
	toServer, toNode atomic.Int64

	// silent has connections go dead without a word from when the node sends a text, as a firewall does.
	silent atomic.Pointer[string]
	died   chan struct{} // closed then
	ended  chan struct{}

	mu    sync.Mutex // guards conns
	conns map[net.Conn]bool
}

func newRelay(t testing.TB, database string) *relay {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, server: u.Host, conns: make(map[net.Conn]bool), died: make(chan struct{}), ended: make(chan struct{})}
	r.toServer.Store(-1)
	r.toNode.Store(-1)
	r.work.Go(r.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		close(r.ended)
		r.cutAll()
		r.work.Wait()
	})
	return r
}

func (r *relay) accept() {
	for {
		node, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.server)
		if err != nil {
			_ = node.Close()
			continue
		}
		r.note(node, server)
		dead := new(atomic.Bool)
		r.work.Go(func() { r.pass(server, node, &r.toServer, dead) })
		r.work.Go(func() { r.pass(node, server, &r.toNode, dead) })
	}
}

func (r *relay) note(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		r.conns[c] = true
	}
}

// pass passes messages on until the count of left ones is used up.
func (r *relay) pass(to, from net.Conn, left *atomic.Int64, dead *atomic.Bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if text := r.silent.Load(); text != nil && bytes.Contains(buffer[:n], []byte(*text)) {
			r.silent.Store(nil)
			dead.Store(true)
			close(r.died)
		}
		if dead.Load() {
			<-r.ended
			return
		}
		if left.Load() >= 0 && left.Add(-1) < 0 {
			left.Store(-1) // one cut, then all passes
			return
		}
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

func (r *relay) cutAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		_ = c.Close()
		delete(r.conns, c)
	}
}

// TestACutConnectionLosesAndDoublesNothing cuts the connection at each message of a save, in each direction: before the
// commit arrives, after it, and in between.
func TestACutConnectionLosesAndDoublesNothing(t *testing.T) {
	url := postgresURL(t)
	witness := openNode(t, url, store.Options{})
	r := newRelay(t, url)
	node := openNode(t, through(t, url, r.listener.Addr().String()), store.Options{})
	c := defaults(t, node)
	save(t, node, c, "warm", `{}`) // statements are prepared
	saved := map[string]store.Sequence{}
	for at := range int64(8) {
		for name, left := range map[string]*atomic.Int64{"to the server": &r.toServer, "to the node": &r.toNode} {
			id := fmt.Sprintf("%s %d", name, at)
			left.Store(at)
			var head *store.Document
			err := node.Update(background, func(tx *store.Tx) (err error) {
				head, err = tx.Save(c, store.Edit{ID: id, Body: []byte(`{}`)})
				return err
			})
			left.Store(-1)
			if err == nil {
				saved[id] = head.Sequence
			} else if !fault.IsTransient(err) {
				t.Errorf("%s: got %v, want an error that may pass", id, err)
			}
		}
	}
	if len(saved) < 12 {
		t.Errorf("%d of 16 saves have succeeded: the node does not try again", len(saved))
	}
	of := defaults(t, witness)
	for id, seq := range saved {
		if d := get(t, witness, of, id); d == nil || d.Sequence != seq {
			t.Errorf("%q is %+v, and was acknowledged with sequence %d", id, d, seq)
		}
	}
	view(t, witness, func(tx *store.Tx) error {
		n, err := tx.Count(of)
		last, _ := tx.LastSequence(of)
		if uint64(last) != n {
			t.Errorf("%d documents have sequences up to %d: one was stored twice", n, last)
		}
		return err
	})
}

// TestALostReplyToACommitIsAskedFor cuts the connection behind the commit, and has another node write before the first one
// asks: it must say what is true.
func TestALostReplyToACommitIsAskedFor(t *testing.T) {
	url := postgresURL(t)
	other := openNode(t, url, store.Options{})
	r := newRelay(t, url)
	node := openNode(t, through(t, url, r.listener.Addr().String()), store.Options{})
	c, of := defaults(t, node), defaults(t, other)
	arrived := 0
	for i := range 10 {
		save(t, node, c, "warm", `{}`) // so that the next reply but one is that of a commit
		id := fmt.Sprint(i)
		meanwhile := make(chan struct{})
		err := node.Update(background, func(tx *store.Tx) error {
			_, err := tx.Save(c, store.Edit{ID: id, Body: []byte(`{}`)})
			go func() { defer close(meanwhile); save(t, other, of, "other "+id, `{}`) }()
			r.toNode.Store(0)
			return err
		})
		r.toNode.Store(-1)
		<-meanwhile
		if is := get(t, other, of, id) != nil; is != (err == nil) || err != nil && !fault.IsTransient(err) {
			t.Errorf("save %d is stored: %v, and its caller is told %v", i, is, err)
		}
		if err == nil {
			arrived++
		}
	}
	if arrived == 0 {
		t.Error("no commit has arrived")
	}
}

// TestALostTransactionDoesNotOverwrite cuts the connection before the commit, and lets another node change the document
// before the first one is back.
func TestALostTransactionDoesNotOverwrite(t *testing.T) {
	url := postgresURL(t)
	other := openNode(t, url, store.Options{})
	r := newRelay(t, url)
	node := openNode(t, through(t, url, r.listener.Addr().String()), store.Options{})
	c, of := defaults(t, node), defaults(t, other)
	save(t, node, c, "a", `{"by":"nobody"}`)
	for name, update := range map[string]func(context.Context, func(*store.Tx) error) error{"again": node.Update, "once": node.UpdateOnce} {
		var seen []string
		err := update(background, func(tx *store.Tx) error {
			head, err := tx.Document(c, "a")
			if err != nil {
				return err
			}
			seen = append(seen, string(head.Body))
			_, err = tx.Save(c, store.Edit{ID: "a", Body: []byte(`{"by":"` + name + `"}`), FailOnConflict: true, Parent: head.Rev.ID})
			if len(seen) == 1 {
				r.cutAll() // the server undoes the transaction
				save(t, other, of, "a", `{"by":"other"}`)
			}
			return err
		})
		body := string(get(t, other, of, "a").Body)
		if name == "again" && (err != nil || len(seen) != 2 || seen[1] != `{"by":"other"}` || body != `{"by":"again"}`) {
			t.Errorf("a function that may run again has seen %v, and %s is stored: %v", seen, body, err)
		}
		if name == "once" && (!errors.Is(err, fault.Busy) || len(seen) != 1 || body != `{"by":"other"}`) {
			t.Errorf("a function that runs once has seen %v, and %s is stored: %v", seen, body, err)
		}
	}
}

// TestTheNodeOutlivesItsServer stops the server in the middle of work, and starts it again.
func TestTheNodeOutlivesItsServer(t *testing.T) {
	server := ownServer(t)
	db := openNode(t, server.URL(), store.Options{})
	c := defaults(t, db)
	save(t, db, c, "before", `{}`)
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := db.View(background, func(tx *store.Tx) error {
		_, err := tx.Document(c, "before")
		return err
	}); err == nil || errors.Is(err, fault.NotFound) {
		t.Errorf("a read without the server: %v, want an error of the connection", err)
	}
	saved := make(chan error, 1)
	go func() {
		saved <- db.Update(background, func(tx *store.Tx) error {
			_, err := tx.Save(c, store.Edit{ID: "meanwhile", Body: []byte(`{}`)})
			return err
		})
	}()
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := <-saved; err != nil {
		t.Errorf("a save that waits for the server: %v", err)
	}
	for _, id := range []string{"before", "meanwhile"} {
		if get(t, db, c, id) == nil {
			t.Errorf("%s is missing", id)
		}
	}
}

// TestADoneContextEndsTheWait holds the lock of all writers, and gives up waiting for it.
func TestADoneContextEndsTheWait(t *testing.T) {
	url := postgresURL(t)
	db := openNode(t, url, store.Options{})
	c := defaults(t, db)
	ctx, cancel := context.WithCancel(background)
	cancel()
	if err := db.Update(ctx, func(*store.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("an update whose context is done: %v", err)
	}
	if err := db.View(ctx, func(tx *store.Tx) error { _, err := tx.Collections(); return err }); !errors.Is(err, context.Canceled) {
		t.Errorf("a view whose context is done: %v", err)
	}
	within, stop := context.WithCancel(background)
	err := db.Update(within, func(tx *store.Tx) error {
		stop()
		_, err := tx.Save(c, store.Edit{ID: "a"})
		return err
	})
	if !errors.Is(err, context.Canceled) || get(t, db, c, "a") != nil {
		t.Errorf("an update whose context ends meanwhile: %v", err)
	}
}

// TestNodesThatStartAtOnceMakeOneDatabase opens a missing database on many nodes at the same time.
func TestNodesThatStartAtOnceMakeOneDatabase(t *testing.T) {
	url := postgresURL(t)
	const n = 6
	uuids := make([][16]byte, n)
	var work sync.WaitGroup
	for i := range n {
		work.Go(func() {
			db, err := store.OpenHub(background, postgres.Engine{MaxConns: 2}, url, store.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			uuids[i] = db.PublicUUID()
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	for _, uuid := range uuids {
		if uuid != uuids[0] {
			t.Fatal("the nodes have made several databases")
		}
	}
}

// drained reads all of r.
func drained(t testing.TB, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
