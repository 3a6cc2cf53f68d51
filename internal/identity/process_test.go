package identity_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/identity"
)

// I-08, X-16: processes that start at once agree on the anonymous identity.
func TestProcessesShareAStore(t *testing.T) {
	const helper = "TANDEM_TEST_ANONYMOUS"
	dir := os.Getenv(helper)
	if dir != "" {
		for _, store := range []identity.Store{
			identity.Folder(dir, identity.FolderOptions{}),
			identity.PKCS12File(filepath.Join(dir, "store.p12"), "secret", fewRounds),
		} {
			_, _ = os.Stdout.WriteString(anonymous(t, store, [16]byte{5}, time.Now()).Fingerprint() + "\n")
		}
		return
	}
	dir = t.TempDir()
	var running []*exec.Cmd
	for range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcessesShareAStore$")
		cmd.Env = append(os.Environ(), helper+"="+dir)
		cmd.Stdout = new(bytes.Buffer)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	var first string
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, cmd.Stdout)
		}
		lines := bytes.Split(cmd.Stdout.(*bytes.Buffer).Bytes(), []byte("\n"))
		got := string(bytes.Join(lines[:2], []byte(" ")))
		if first == "" {
			first = got
		}
		if got != first || len(got) != 2*95+1 {
			t.Errorf("got %s, want %s", got, first)
		}
	}
}
