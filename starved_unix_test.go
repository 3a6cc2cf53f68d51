//go:build linux || darwin

package tandem_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/tandemdb/tandem"
)

// TestTooFewFiles runs the test of the same name below in a process of its own, which gets
// short of files.
func TestTooFewFiles(t *testing.T) {
	inFolders(t, "files")
	const child = "TANDEM_TEST_TOO_FEW_FILES"
	if os.Getenv(child) != "" {
		lookAgain(t)
		endureTooFewFiles(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTooFewFiles$") //nolint:gosec // this program
	cmd.Env = append(os.Environ(), child+"=yes")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// endureTooFewFiles starves a listener, a replicator that is connected, and one that is to be.
func endureTooFewFiles(t *testing.T) {
	theirs, ours, late := newCollection(t), newCollection(t), newCollection(t)
	l := offer(t, theirs, withTLS)
	connected := replicator(t, l.URLs()[0], ours, continuous, impatient)
	idle(t, connected)
	latecomer := replicator(t, l.URLs()[0], late, continuous, impatient)
	save(t, late, "before", `{}`)

	var hoard hoard
	defer hoard.release()
	hoard.takeAll(t)

	doc := newDocument(t, "pic", `{}`)
	check(t, doc.SetBlob("blob", tandem.NewBlob("text/plain", []byte("content"))))
	if err := theirs.Save(t.Context(), doc); !errors.Is(err, tandem.ErrTooManyFiles) {
		t.Errorf("a blob without a file for it: got %v, want %v", err, tandem.ErrTooManyFiles)
	}
	if _, err := tandem.Open(t.Context(), t.TempDir()+"/new", tandem.Options{}); !errors.Is(err, tandem.ErrTooManyFiles) {
		t.Errorf("a database without a file for it: got %v, want %v", err, tandem.ErrTooManyFiles)
	}
	if err := newListener(t, theirs).Start(); !errors.Is(err, tandem.ErrTooManyFiles) {
		t.Errorf("a listener without a socket for it: got %v, want %v", err, tandem.ErrTooManyFiles)
	}
	check(t, latecomer.Start())
	eventually(t, func() bool { s := latecomer.Status(); return errors.Is(s.Err, tandem.ErrTooManyFiles) })
	if s := latecomer.Status(); s.Activity == tandem.Stopped {
		t.Errorf("the replicator that cannot connect has stopped: %v", s.Err)
	}
	save(t, theirs, "during", `{}`)

	hoard.release()
	check(t, theirs.Save(t.Context(), doc))
	eventually(t, func() bool {
		return len(contents(t, theirs)) == 3 && len(contents(t, ours)) == 3 && len(contents(t, late)) == 3
	})
	eventually(t, func() bool { s := latecomer.Status(); return s.Activity == tandem.Idle && s.Err == nil })
}

// lookAgain starves a live query, which has to open another connection, as Views hold the others.
func lookAgain(t *testing.T) {
	c := newCollection(t)
	news := follow(t.Context(), t, query(t, c.Database(), "SELECT count(*) AS n FROM _"))
	wantRows(t, news, `{"n":0}`)
	ended := make(chan struct{})
	var views sync.WaitGroup
	defer views.Wait()
	defer close(ended)
	for range 2 * max(4, runtime.GOMAXPROCS(0)) {
		held := make(chan struct{})
		views.Go(func() {
			check(t, c.Database().View(t.Context(), func(context.Context) error { close(held); <-ended; return nil }))
		})
		<-held
	}
	var hoard hoard
	defer hoard.release()
	hoard.takeAll(t)
	save(t, c, "a", "{}")
	if got := receive(t, "an error", news); len(got) != 1 || !strings.Contains(got[0], "open files") {
		t.Errorf("without a file for it: got %q, want an error", got)
	}
	hoard.release()
	wantRows(t, news, `{"n":1}`)
}

// hoard is all the files that there are.
type hoard struct{ files []*os.File }

// takeAll leaves no file to open.
func (h *hoard) takeAll(t *testing.T) {
	few := syscall.Rlimit{Cur: 200, Max: 200}
	check(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few))
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return
		}
		h.files = append(h.files, f)
	}
}

func (h *hoard) release() {
	for _, f := range h.files {
		_ = f.Close()
	}
	h.files = nil
}
