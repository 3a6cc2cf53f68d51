package pouchdb_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// skip skips a test for what is missing here, or fails where that is required.
func skip(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("TANDEM_POUCHDB") == "required" {
		t.Fatalf(format, args...)
	}
	t.Skipf("SKIPPED: "+format, args...)
}

// installed returns the folder in which PouchDB is installed.
func installed(t testing.TB) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			skip(t, "PouchDB needs %s, which is not here", tool)
		}
	}
	folder, err := install()
	if err != nil {
		skip(t, "PouchDB cannot be installed from the npm registry: %v", err)
	}
	return folder
}

// install installs what testdata/package-lock.json names into a folder that later runs find again.
var install = sync.OnceValues(func() (string, error) {
	lock, err := os.ReadFile("testdata/package-lock.json")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(lock)
	folder := filepath.Join(cache, "tandem-pouchdb", hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(filepath.Join(folder, "complete")); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	manifest, err := os.ReadFile("testdata/package.json")
	if err != nil {
		return "", err
	}
	for name, text := range map[string][]byte{"package.json": manifest, "package-lock.json": lock} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return "", err
		}
	}
	npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = folder
	if text, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, text)
	}
	return folder, os.WriteFile(filepath.Join(folder, "complete"), nil, 0o600)
})

// driver is a process of Node with PouchDBs. Each call names one of them. Calls may overlap.
type driver struct {
	t  testing.TB
	in io.WriteCloser

	mu      sync.Mutex // guards the following, and writing to in
	calls   int
	waiting map[int]chan reply
}

type reply struct {
	N      int
	Result json.RawMessage
	Error  string
	Status int
}

// args are the arguments of a call.
type args map[string]any

// drive starts a process, which ends with the test.
func drive(t testing.TB) *driver {
	t.Helper()
	script, err := filepath.Abs("testdata/driver.js")
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	node := exec.CommandContext(ctx, "node", script, t.TempDir())
	node.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(installed(t), "node_modules"))
	node.Stderr = os.Stderr
	in, err := node.StdinPipe()
	check(t, err)
	out, err := node.StdoutPipe()
	check(t, err)
	check(t, node.Start())
	d := &driver{t: t, in: in, waiting: map[int]chan reply{}}
	read := make(chan struct{})
	go func() {
		defer close(read)
		d.read(out)
	}()
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		<-read
		_ = node.Wait()
		cancel()
	})
	return d
}

func (d *driver) read(out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var r reply
		if json.Unmarshal(line, &r) != nil {
			continue // a word of a library
		}
		d.mu.Lock()
		to := d.waiting[r.N]
		delete(d.waiting, r.N)
		d.mu.Unlock()
		if to != nil {
			to <- r
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for n, to := range d.waiting {
		to <- reply{Error: "the process of Node has ended"}
		delete(d.waiting, n)
	}
}

// try makes a call, and puts its result into what into points to, unless that is nil.
func (d *driver) try(call string, a args, into any) error {
	to := make(chan reply, 1)
	d.mu.Lock()
	d.calls++
	d.waiting[d.calls] = to
	text, err := json.Marshal(map[string]any{"n": d.calls, "call": call, "args": a})
	if err == nil {
		_, err = d.in.Write(append(text, '\n'))
	}
	d.mu.Unlock()
	if err != nil {
		return err
	}
	r := <-to
	if r.Error != "" {
		return fmt.Errorf("%s %v: %w (%d)", call, a["name"], errors.New(r.Error), r.Status)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(r.Result, into)
}

func (d *driver) do(call string, a args, into any) {
	d.t.Helper()
	check(d.t, d.try(call, a, into))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
