//go:build unix

package main

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// unread COMMAND... runs a command whose standard output nobody reads. It has to end by itself,
// with status 1 and no word.
func unread(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: unread command...")
	}
	c := command(ts, args)
	reader, writer, err := os.Pipe()
	ts.Check(err)
	ts.Check(reader.Close())
	defer writer.Close()
	var stderr strings.Builder
	c.Stdout, c.Stderr = writer, &stderr
	if err := c.Run(); err == nil || c.ProcessState.ExitCode() != statusFailed || stderr.Len() > 0 {
		ts.Fatalf("%v, want exit status %d; stderr:\n%s", c.ProcessState, statusFailed, stderr.String())
	}
}

// blockedInput is an input that nothing comes from.
type blockedInput struct{ asked, released chan struct{} }

func (b blockedInput) Read([]byte) (int, error) {
	close(b.asked)
	<-b.released
	return 0, io.EOF
}

func TestAnInterruptionEndsTheWaitForStandardInput(t *testing.T) {
	for name, args := range map[string][]string{
		"put":      {"put", "notes", "a", "-"},
		"import":   {"import", "notes", "-"},
		"blob put": {"blob", "put", "notes", "a", "p", "-"},
		"key":      {"ls", "notes", "--encryption-key-file", "-"},
		"password": {"sync", "notes", "ws://127.0.0.1:1/x", "--user", "u", "--password-file", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			in := blockedInput{make(chan struct{}), make(chan struct{})}
			defer close(in.released)
			go func() {
				<-in.asked
				_ = syscall.Kill(os.Getpid(), syscall.SIGINT)
			}()
			var stderr strings.Builder
			status := run(args, in, io.Discard, &stderr)
			if status != statusInterrupted || !strings.HasPrefix(stderr.String(), "tandem: interrupted\n") {
				t.Errorf("exit status %d, stderr %q", status, stderr.String())
			}
		})
	}
}
