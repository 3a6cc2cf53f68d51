package couchbaselite

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// app is a process with a released Couchbase Lite in it. Its methods may be called from any goroutine.
type app struct {
	cmd   *exec.Cmd
	input io.WriteCloser

	mu      sync.Mutex // held for one command and its answer
	answers *bufio.Reader
}

// fault is an error as Couchbase Lite tells it.
type fault struct {
	Domain  string
	Code    int
	Message string
}

func (f *fault) Error() string { return fmt.Sprintf("%s %d: %s", f.Domain, f.Code, f.Message) }

// args are those of a command to the driver.
type args map[string]any

// startApp starts an app whose databases are in dir. It ends with the test.
func startApp(t testing.TB, version, dir string) *app {
	t.Helper()
	build := filepath.Join(*buildFolder, version)
	// After the test's own patience is over, a hanging library is ended.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	t.Cleanup(cancel)
	a := &app{}
	a.cmd = exec.CommandContext(ctx, "java", "-Xmx1g", "-cp", //nolint:gosec // the folder is the test's own
		filepath.Join(build, "*")+string(os.PathListSeparator)+filepath.Join(build, "lib", "*"), "tandem.interop.Driver", dir)
	a.cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(*buildFolder, "icu"))
	log, err := os.OpenFile(filepath.Join(dir, "app.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(t, err)
	defer func() { check(t, log.Close()) }()
	a.cmd.Stderr = log
	a.input, err = a.cmd.StdinPipe()
	check(t, err)
	output, err := a.cmd.StdoutPipe()
	check(t, err)
	a.answers = bufio.NewReaderSize(output, 1<<20)
	check(t, a.cmd.Start())
	t.Cleanup(a.end)
	return a
}

// end lets the app end, and waits for it. Ending twice is harmless.
func (a *app) end() {
	_ = a.input.Close()
	_ = a.cmd.Wait() // a second time it says so, and one that was killed says that
}

// kill ends the app as a phone does that runs out of memory.
func (a *app) kill() {
	_ = a.cmd.Process.Kill()
	_ = a.cmd.Wait()
}

// do carries out a command, and reads its answer into out unless that is nil.
func (a *app) do(op string, c args, out any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c == nil {
		c = args{}
	}
	c["op"] = op
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if _, err := a.input.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("tell the app to %s: %w", op, err)
	}
	text, err := a.answers.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the app's answer to %s: %w", op, err)
	}
	var answer struct {
		OK    json.RawMessage
		Error *fault
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("the app's answer to %s, %q: %w", op, text, err)
	}
	if answer.Error != nil {
		return answer.Error
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.OK, out)
}
