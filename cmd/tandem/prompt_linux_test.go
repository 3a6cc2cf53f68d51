package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// openTerminal returns both sides of a new terminal.
func openTerminal(t *testing.T) (keys, terminal *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminal can be made here: ", err)
	}
	t.Cleanup(func() { _ = keys.Close() })
	if err := unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return keys, terminal
}

func TestAnInterruptionEndsTheQuestionForAPassword(t *testing.T) {
	keys, terminal := openTerminal(t)
	before, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	stderr, ended := new(output), make(chan struct{})
	go func() {
		if _, ok := stderr.wait(regexp.MustCompile("password of u: "), ended); ok {
			_ = syscall.Kill(os.Getpid(), syscall.SIGINT)
		}
	}()
	status := run([]string{"sync", t.TempDir() + "/notes", "ws://127.0.0.1:1/x", "--user", "u"}, terminal, io.Discard, stderr)
	close(ended)
	if status != statusInterrupted || !strings.HasSuffix(stderr.String(), "\ntandem: interrupted\n") {
		t.Errorf("exit status %d, stderr %q", status, stderr.String())
	}
	if after, err := term.GetState(int(terminal.Fd())); err != nil || *after != *before {
		t.Errorf("the terminal is not as it was: %v, was %v, %v", after, before, err)
	}
	_, _ = keys.WriteString("\n") // ends the reading
}
