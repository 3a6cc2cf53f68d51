package main

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tandemdb/tandem/internal/testsize"
)

// insideVariables are the settings of a script that a command line reads within the test's process.
func insideVariables() []string {
	return []string{
		"HOME", "TMPDIR", "TANDEM_IDENTITIES", "TANDEM_IDENTITIES_PASSPHRASE_FILE", "TANDEM_PASSWORD", "TANDEM_ENCRYPTION_KEY_FILE",
	}
}

// inside runs command lines within the test's process: under the race detector the start of a process
// takes longer than most of them. One runs at a time, as a process has one folder and one environment.
var inside sync.Mutex //nolint:gochecknoglobals // the folder and the environment are global, too

type outsideKey struct{}

// outside makes the script commands outside, which says that from here on each command line is a process
// of its own, even where a sample is tested, and inside, which ends that. What depends on a variable that
// is set but empty, or that a process reads once, runs outside.
func outside(yes bool) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 0 {
			ts.Fatalf("outside and inside stand alone")
		}
		*ts.Value(outsideKey{}).(*bool) = yes
	}
}

// do COMMAND... runs a command that has to succeed, or to fail with !. stdout and stderr are as after exec.
func do(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: do command...")
	}
	if got := exitStatus(ts, args[0], args[1:]); (got == 0) == neg {
		ts.Fatalf("exit status %d", got)
	}
}

// runsInside reports whether a command line runs within the test's process. Where the tests run in
// full, none does. What reads standard input, or starts processes like itself, never does.
func runsInside(ts *testscript.TestScript, command string, args []string) bool {
	return command == "tandem" && !testsize.All() && !*ts.Value(outsideKey{}).(*bool) &&
		!slices.Contains(args, "-") && len(args) > 0 && args[0] != "bench"
}

func runInside(ts *testscript.TestScript, args []string) int {
	inside.Lock()
	defer inside.Unlock()
	before, err := os.Getwd()
	ts.Check(err)
	ts.Check(os.Chdir(ts.MkAbs(".")))
	defer func() { ts.Check(os.Chdir(before)) }()
	for _, name := range insideVariables() {
		defer setVariable(ts, name, ts.Getenv(name))()
	}
	return run(args, strings.NewReader(""), ts.Stdout(), ts.Stderr())
}

// setVariable sets a variable of the environment, or removes it if value is empty, until restore.
func setVariable(ts *testscript.TestScript, name, value string) (restore func()) {
	before, was := os.LookupEnv(name)
	set := func(value string, exists bool) {
		if exists {
			ts.Check(os.Setenv(name, value))
		} else {
			ts.Check(os.Unsetenv(name))
		}
	}
	set(value, value != "")
	return func() { set(before, was) }
}

// A script sees the same of a command line, wherever it runs.
func TestCommandLinesRunInsideAsTheyDoOutside(t *testing.T) {
	script := `
do tandem create notes
! do tandem get notes nothing
stderr '^tandem: .*nothing'
status 2 tandem frobnicate
! stdout .
stderr frobnicate
mkdir below
cd below
do tandem put ../notes a {"n":1}
do tandem get ../notes a
stdout '"n":1'
env TANDEM_ENCRYPTION_KEY_FILE=missing
! do tandem get ../notes a
stderr missing
`
	for name, first := range map[string]string{"inside": "", "outside": "outside\n"} {
		file := t.TempDir() + "/" + name + ".txtar"
		if err := os.WriteFile(file, []byte(first+script), 0o600); err != nil {
			t.Fatal(err)
		}
		testscript.Run(t, testscript.Params{Files: []string{file}, RequireExplicitExec: true, Setup: setup, Cmds: scriptCommands()})
	}
}
