package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// conversation is tandem's prompt at a terminal of 60 columns, as a process of its own.
type conversation struct {
	t       *testing.T
	keys    *os.File
	screen  output
	process *os.Process
	ended   chan struct{} // closed when the process has ended
	err     error         // of its end
}

func converse(t *testing.T, state string, args ...string) *conversation {
	t.Helper()
	keys, terminal := openTerminal(t)
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 60}); err != nil {
		t.Fatal(err)
	}
	keepWhatIsWritten(t, terminal)
	c := &conversation{t: t, keys: keys, ended: make(chan struct{})}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "tandem", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state, "TERM=xterm")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.process = cmd.Process
	_ = terminal.Close()
	go func() {
		part := make([]byte, 4096)
		for {
			n, err := keys.Read(part)
			_, _ = c.screen.Write(part[:n])
			if err != nil { // nobody has the terminal any more
				c.err = cmd.Wait()
				close(c.ended)
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-c.ended
	})
	c.shows("tandem> ")
	return c
}

// keepWhatIsWritten has Ctrl-C send its signal alone: by default it also drops what was typed and what is not yet
// on the screen, as the word that says that the statement was interrupted.
func keepWhatIsWritten(t *testing.T, terminal *os.File) {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	mode.Lflag |= unix.NOFLSH
	if err := unix.IoctlSetTermios(int(terminal.Fd()), unix.TCSETS, mode); err != nil {
		t.Fatal(err)
	}
}

func (c *conversation) types(keys string) {
	c.t.Helper()
	if _, err := c.keys.WriteString(keys); err != nil {
		c.t.Fatal(err)
	}
}

// shows waits for a text on the screen.
func (c *conversation) shows(pattern string) {
	c.t.Helper()
	if _, ok := c.screen.wait(regexp.MustCompile(pattern), c.ended); !ok {
		c.t.Fatalf("the screen does not show %q:\n%s", pattern, c.screen.String())
	}
}

// ends types Ctrl-D, and waits for the end of the process.
func (c *conversation) ends() {
	c.t.Helper()
	c.types("\x04")
	if <-c.ended; c.err != nil {
		c.t.Errorf("the prompt ended with %v:\n%s", c.err, c.screen.String())
	}
}

// newShop makes a database with fruits, and returns its path.
func newShop(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop")
	db, err := tandem.Open(t.Context(), path, tandem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := db.DefaultCollection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"apple", "banana", strings.Repeat("long ", 20) + "end"} {
		if err := c.Put(t.Context(), strconv.Itoa(i), map[string]any{"name": name, "price": i + 5}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAConversationAtThePrompt(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	path := newShop(t)
	c := converse(t, state, "query", path)
	c.types("SELECT name,\r")
	c.shows(`\.\.\.> `)
	c.types("pri\t FROM _ ORDER BY pri\t;\r") // completed
	c.shows(`banana {45,}  6\r\n`)            // in 60 columns
	c.shows(`(long )+lo…  7\r\n`)
	c.types("SELECT nam, 日本 FROM _;\r")
	c.shows(`invalid query: `)
	c.shows(`\n {2,}\^`)
	c.types("help\r")
	c.shows(`\.quit +end`)
	c.types(".param\r")
	c.shows(`hint: write \.param city="London"`)
	c.types("/* of\rquit\r*/ SELECT 1 + 1 AS two FROM _ LIMIT 1;\r")
	c.shows(`two\r\n2\r\n`)
	c.types("SELECT price + $x AS more FROM _ LIMIT 1;\r.param x=70\r")
	c.types("SELECT price + $x AS more FROM _ WHERE price = 5;\r")
	c.shows(`more\r\n75\r\n`)
	c.types(".explain\r")
	c.shows(`SCAN d0`)
	c.types(".nothing\r")
	c.shows(`hint: \.help lists`)
	c.types("  SELECT 'secret' AS s FROM _ LIMIT 1;\r")
	c.shows(`secret\r\n`)
	c.ends()

	file := filepath.Join(state, "tandem", "query-history")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the history: got %v, %v, want a file of mode 0600", info.Mode(), err)
	}
	text, err := os.ReadFile(file)
	if want := "SELECT name, price FROM _ ORDER BY price;\n"; err != nil || !strings.HasPrefix(string(text), want) || strings.Contains(string(text), "secret") {
		t.Errorf("got the history %q, want it to begin with %q, and no secret", text, want)
	}
	again := converse(t, state, "query", path)
	again.types("\x1b[A\x1b[A\x1b[A\r") // before .nothing and .explain
	again.shows(`more\r\n`)
	again.ends()
}

func TestCtrlCEndsAStatementAndNotThePrompt(t *testing.T) {
	c := converse(t, t.TempDir(), "query", newShop(t))
	c.types("SELECT abandoned\r")
	c.shows(`\.\.\.> `)
	c.interrupts("^C", 0)
	ends := c.repeats(".live SELECT count(*) AS live FROM _\r", "live\r\n3\r\n")
	c.interrupts("interrupted", ends)
	endless := "SELECT count(*) AS endless FROM _ a"
	for i := range 30 {
		endless += " CROSS JOIN _ x" + strconv.Itoa(i)
	}
	ends = c.count("interrupted")
	c.types(endless + ";\r")
	c.shows(`x29;[^\n]*\n`)
	c.interrupts("interrupted", ends)
	c.repeats("SELECT count(*) + 40 AS after FROM _;\r", "after\r\n43\r\n")
	c.types("quit;\r")
	if <-c.ended; c.err != nil {
		t.Errorf("the prompt ended with %v", c.err)
	}
}

func (c *conversation) count(text string) int { return strings.Count(c.screen.String(), text) }

// interrupts types Ctrl-C until a text is on the screen more than so many times. One that comes before the
// statement runs, or before the prompt listens, ends nothing.
func (c *conversation) interrupts(text string, times int) {
	c.t.Helper()
	if !testsize.Eventually(timeout, func() bool {
		c.types("\x03")
		return c.count(text) > times
	}) {
		c.t.Fatalf("Ctrl-C does not lead to %q:\n%s", text, c.screen.String())
	}
}

// repeats types a statement until its result is on the screen: a Ctrl-C that comes late may end it. It returns how
// many were interrupted before the last.
func (c *conversation) repeats(statement, result string) (ends int) {
	c.t.Helper()
	for done := false; !done; {
		ends = c.count("interrupted")
		c.types(statement)
		if !testsize.Eventually(timeout, func() bool {
			done = c.count(result) > 0
			return done || c.count("interrupted") > ends
		}) {
			c.t.Fatalf("%q does not run:\n%s", statement, c.screen.String())
		}
	}
	return ends
}

func TestASignalEndsThePrompt(t *testing.T) {
	c := converse(t, t.TempDir(), "query", newShop(t))
	if err := c.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-c.ended
	var status *exec.ExitError
	if !errors.As(c.err, &status) || status.ExitCode() != statusTerminated {
		t.Errorf("got %v, want exit status %d", c.err, statusTerminated)
	}
}

func TestTheHistoryIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(path, []byte(strings.Repeat("old;\n", 2*mostHistory)+"new;\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h := openHistory(path)
	defer h.close()
	text, err := os.ReadFile(path)
	if n := strings.Count(string(text), "\n"); err != nil || n != mostHistory || len(h.lines) != mostHistory || !strings.HasSuffix(string(text), "old;\nnew;\n") {
		t.Errorf("got %d lines in the file and %d to recall (%v), want %d", n, len(h.lines), err, mostHistory)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 0600", info.Mode(), err)
	}
	h.close()
	for _, path := range []string{"", "/proc/nowhere/history"} {
		if h := openHistory(path); h.file != nil || h.lines != nil {
			t.Errorf("%q: got a history", path)
		}
	}
}
