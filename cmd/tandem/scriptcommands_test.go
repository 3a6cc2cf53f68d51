package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tandemdb/tandem/internal/testsize"
)

func commonCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"start":     start,
		"await":     await,
		"written":   written,
		"ended":     ended,
		"halt":      halt,
		"slay":      slay,
		"until":     until,
		"status":    status,
		"do":        do,
		"inside":    outside(false),
		"outside":   outside(true),
		"poke":      poke,
		"fetch":     fetch,
		"knock":     knock,
		"ask":       ask,
		"private":   private,
		"certify":   certify,
		"expiring":  expiring,
		"base64":    encodeBase64,
		"documents": documents,
		"append":    appendFile,
		"damaged":   damaged,
		"agree":     agree,
		"lan":       lan,
		"plug":      plug,
		"cpdir":     copyDir,
		"gate":      putGate,
		"open":      openGate,
	}
}

// timeout is how long anything may take that a script waits for.
const timeout = testsize.Patience

type procsKey struct{}

func procs(ts *testscript.TestScript) map[string]*proc {
	return ts.Value(procsKey{}).(map[string]*proc)
}

func procNamed(ts *testscript.TestScript, name string) *proc {
	p := procs(ts)[name]
	if p == nil {
		ts.Fatalf("no process %s was started", name)
	}
	return p
}

// start NAME COMMAND... starts a process, which ends with the script at the latest.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start name command...")
	}
	c := command(ts, args[1:])
	p := &proc{cmd: c, ended: make(chan struct{})}
	c.Stdout, c.Stderr = &p.output, &p.output
	ts.Check(c.Start())
	go func() {
		defer close(p.ended)
		p.err = c.Wait()
	}()
	procs(ts)[args[0]] = p
	ts.Defer(func() {
		_ = c.Process.Kill()
		<-p.ended
	})
}

// command makes a command with the environment of the script.
func command(ts *testscript.TestScript, args []string) *exec.Cmd {
	path, err := lookPath(ts.Getenv("PATH"), args[0])
	ts.Check(err)
	c := exec.Command(path, args[1:]...)
	c.Dir = ts.MkAbs(".")
	for _, name := range []string{
		"PATH", "HOME", "WORK", "TMPDIR", "TANDEM_IDENTITIES", "TANDEM_PASSWORD", "GOCOVERDIR", "GORACE",
		"SYSTEMROOT", "TEMP", "TMP", "USERPROFILE", "APPDATA",
	} {
		if value := ts.Getenv(name); value != "" {
			c.Env = append(c.Env, name+"="+value)
		}
	}
	return c
}

func lookPath(list, name string) (string, error) {
	for _, dir := range filepath.SplitList(list) {
		for _, extension := range []string{"", ".exe"} {
			path := filepath.Join(dir, name+extension)
			if info, err := os.Stat(path); err == nil && !info.IsDir() {
				return path, nil
			}
		}
	}
	return "", fs.ErrNotExist
}

// await NAME REGEXP [VARIABLE] waits until a process has written what matches, and puts the
// first group into the variable.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: await name regexp [variable]")
	}
	p, pattern := procNamed(ts, args[0]), regexp.MustCompile("(?m)"+args[1])
	match, ok := p.output.wait(pattern, p.ended)
	if !ok {
		ts.Fatalf("%s did not write %q; it wrote:\n%s", args[0], args[1], p.output.String())
	}
	if len(args) == 3 {
		ts.Setenv(args[2], match[1])
	}
}

// written NAME REGEXP fails unless a process has written what matches; with ! the other way round.
func written(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] written name regexp")
	}
	text := procNamed(ts, args[0]).output.String()
	if regexp.MustCompile("(?m)"+args[1]).MatchString(text) == neg {
		ts.Fatalf("%s wrote:\n%s", args[0], text)
	}
}

// ended NAME N waits for the end of a process, which has to have exit status N.
func ended(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ended name number")
	}
	p := procNamed(ts, args[0])
	select {
	case <-p.ended:
	case <-time.After(timeout):
		ts.Fatalf("%s does not end; it wrote:\n%s", args[0], p.output.String())
	}
	if got := strconv.Itoa(p.cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("%s ended with status %s, want %s; it wrote:\n%s", args[0], got, args[1], p.output.String())
	}
}

// halt NAME interrupts a process and waits for it. It fails unless the process ends with
// status 0; with ! the other way round.
func halt(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] stop name")
	}
	p := procNamed(ts, args[0])
	p.interrupt()
	select {
	case <-p.ended:
	case <-time.After(timeout):
		ts.Fatalf("%s does not end; it wrote:\n%s", args[0], p.output.String())
	}
	ts.Logf("[%s]\n%s", args[0], p.output.String())
	if failed := p.err != nil; failed != neg && runtime.GOOS != "windows" {
		ts.Fatalf("%s ended with %v", args[0], p.err)
	}
}

// slay NAME ends a process without any warning, and waits for its end.
func slay(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: slay name")
	}
	p := procNamed(ts, args[0])
	ts.Check(p.cmd.Process.Kill())
	<-p.ended
}

// until REGEXP COMMAND... repeats a command until what it writes matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until regexp command...")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	var last []byte
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); {
		last, _ = command(ts, args[1:]).CombinedOutput() // that it may fail is the point
		if pattern.Match(last) {
			return
		}
	}
	ts.Fatalf("%q never appeared; last:\n%s", args[0], last)
}

// status N COMMAND... runs a command that has to end with that exit status. stdout and stderr
// are as after exec.
func status(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || len(args) < 2 || err != nil {
		ts.Fatalf("usage: status number command...")
	}
	if got := exitStatus(ts, args[1], args[2:]); got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// exitStatus runs a command, as a process unless runsInside says otherwise.
func exitStatus(ts *testscript.TestScript, command string, args []string) int {
	if runsInside(ts, command, args) {
		return runInside(ts, args)
	}
	var exit *exec.ExitError
	err := ts.Exec(command, args...)
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

// poke FILE OFFSET HEX overwrites bytes of a file.
func poke(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: poke file offset hex")
	}
	offset, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	data, err := hex.DecodeString(args[2])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	defer f.Close()
	_, err = f.WriteAt(data, offset)
	ts.Check(err)
}

// signalled makes a command NAME... that sends a signal to processes.
func signalled(signal os.Signal) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) == 0 {
			ts.Fatalf("want the names of processes")
		}
		for _, name := range args {
			ts.Check(procNamed(ts, name).cmd.Process.Signal(signal))
		}
	}
}

// documents N FILE writes N documents of 200 bytes as JSON Lines.
func documents(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: documents number file")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	var text bytes.Buffer
	for i := range n {
		fmt.Fprintf(&text, "{\"_id\":\"doc-%07d\",\"n\":%d,\"text\":%q}\n", i, i, strings.Repeat("text ", 32))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), text.Bytes(), 0o600))
}

// append FROM TO writes a file at the end of another.
func appendFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: append from to")
	}
	text := ts.ReadFile(args[1]) + ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// fetch URL REGEXP gets a page until it matches.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fetch url regexp")
	}
	pattern := regexp.MustCompile("(?m)" + args[1])
	var page []byte
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); {
		res, err := http.Get(args[0])
		ts.Check(err)
		page, err = io.ReadAll(res.Body)
		ts.Check(errors.Join(err, res.Body.Close()))
		if pattern.Match(page) {
			http.DefaultClient.CloseIdleConnections()
			return
		}
	}
	ts.Fatalf("%q never appeared; last:\n%s", args[1], page)
}

// knock URL REGEXP [HEADER...] asks a listener at a ws URL, as a browser does, and matches the
// status and the page.
func knock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: knock url regexp [header...]")
	}
	req, err := http.NewRequest(http.MethodGet, "http"+strings.TrimPrefix(args[0], "ws"), nil)
	ts.Check(err)
	for _, header := range args[2:] {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	page, err := io.ReadAll(res.Body)
	ts.Check(errors.Join(err, res.Body.Close()))
	http.DefaultClient.CloseIdleConnections()
	if got := res.Status + "\n" + string(page); !regexp.MustCompile("(?s)" + args[1]).MatchString(got) {
		ts.Fatalf("%s: got\n%s\nwant %q", args[0], got, args[1])
	}
}

// expiring DURATION VARIABLE puts the time after a duration into a variable.
func expiring(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: expiring duration variable")
	}
	after, err := time.ParseDuration(args[0])
	ts.Check(err)
	ts.Setenv(args[1], time.Now().UTC().Add(after).Format(time.RFC3339))
}

// encodeBase64 FROM TO writes a file in Base64.
func encodeBase64(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: base64 from to")
	}
	data := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(base64.StdEncoding.EncodeToString([]byte(data))), 0o600))
}

// copyDir FROM TO copies a folder with its files, as cp -r does.
func copyDir(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cpdir from to")
	}
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}
