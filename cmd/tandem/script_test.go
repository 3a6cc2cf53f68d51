package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestMain(m *testing.M) {
	testscript.Main(noLeaks{m}, map[string]func(){"tandem": main})
}

// noLeaks fails if a goroutine is left after all tests.
type noLeaks struct{ m *testing.M }

func (n noLeaks) Run() int {
	if _, err := sources(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := n.m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// sources is the folder of this package, in which the tests begin: command lines that run inside leave it for a while.
var sources = sync.OnceValues(os.Getwd) //nolint:gochecknoglobals // the folder of the process is global, too

// TestScripts runs testdata/script/*.txtar: the command from outside, as several processes.
func TestScripts(t *testing.T) {
	folder, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(folder, "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Condition:           condition,
		Cmds:                scriptCommands(),
	})
}

// A command of ours that has the name of one of testscript's is never called: testscript's is. Its
// stop, for one, ends the script, and what follows is not tried.
func TestTheCommandsOfScriptsAreOurs(t *testing.T) {
	dir, ours := t.TempDir(), scriptCommands()
	var called sync.Map
	for name := range ours {
		ours[name] = func(*testscript.TestScript, bool, []string) { called.Store(name, true) }
		if err := os.WriteFile(filepath.Join(dir, name+".txtar"), []byte(name+" x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("scripts", func(t *testing.T) { testscript.Run(t, testscript.Params{Dir: dir, Cmds: ours}) })
	for name := range ours {
		if _, ok := called.Load(name); !ok {
			t.Errorf("%s is a command of testscript's, too: choose another name", name)
		}
	}
}

// setup gives each script an identity store of its own, the documents of the demo in $DATA,
// and the recordings beside the work tree in $SHARED, if they are here.
func setup(env *testscript.Env) error {
	folder, err := sources()
	if err != nil {
		return err
	}
	env.Setenv("DATA", filepath.Join(folder, "demo"))
	env.Setenv("SHARED", sharedData())
	env.Setenv("UNIQUE", "peer-"+rand.Text()) // on a network that others test on, too
	env.Setenv("TANDEM_IDENTITIES", filepath.Join(env.WorkDir, "identities"))
	env.Setenv("GORACE", "atexit_sleep_ms=0") // of processes with the race detector
	env.Values[procsKey{}] = make(map[string]*proc)
	env.Values[gatesKey{}] = make(map[string]*gate)
	env.Values[outsideKey{}] = new(bool)
	env.Values[damagedKey{}] = make(map[string]bool)
	env.Defer(func() { checkSound(env.T().(testing.TB), env.WorkDir, env.Values[damagedKey{}].(map[string]bool)) })
	return nil
}

// sharedData returns ../shared/data from the root of the module, "" if it is not there.
func sharedData() string {
	folder, err := sources()
	if err != nil {
		return ""
	}
	data := filepath.Join(folder, "..", "..", "..", "shared", "data")
	if _, err := os.Stat(data); err != nil {
		return ""
	}
	return data
}

func condition(name string) (bool, error) {
	switch name {
	case "all":
		return testsize.All(), nil
	case "shared":
		return sharedData() != "", nil
	case "netns":
		return canMakeNetworks(), nil
	case "signals":
		return runtime.GOOS != "windows", nil
	case "multicast":
		browser, err := tandem.BrowsePeers(context.Background())
		if err != nil {
			return false, nil
		}
		return true, browser.Close()
	}
	return false, errors.New("unknown condition " + name)
}

func TestRunReportsResultsThatCannotBeWritten(t *testing.T) {
	var stderr strings.Builder
	if got := run([]string{"--help"}, strings.NewReader(""), fullDisk{}, &stderr); got != statusFailed {
		t.Errorf("exit status %d, want %d", got, statusFailed)
	}
	if !strings.Contains(stderr.String(), "tandem: write results: disk full") {
		t.Errorf("stderr %q does not say why", stderr.String())
	}
}

func TestControlCharactersDoNotReachTheTerminal(t *testing.T) {
	var stderr strings.Builder
	run([]string{"get", filepath.Join(t.TempDir(), "\x1b[31m\a"), "a"}, strings.NewReader(""), io.Discard, &stderr)
	if strings.ContainsAny(stderr.String(), "\x1b\a") || !strings.Contains(stderr.String(), "\ufffd[31m\ufffd.tandem") {
		t.Errorf("stderr %q", stderr.String())
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

var _ io.Writer = fullDisk{}
