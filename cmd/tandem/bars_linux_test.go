package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"
)

// screen is a terminal, and what was written to it.
func screen(t *testing.T) (terminal *os.File, written *output) {
	t.Helper()
	keys, terminal := openTerminal(t)
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 120}); err != nil {
		t.Fatal(err)
	}
	written = new(output)
	go func() { _, _ = io.Copy(written, keys) }() // until the terminal is closed
	return terminal, written
}

func TestABarShowsHowFarALongCommandIs(t *testing.T) { // E3
	boom := errors.New("boom")
	for name, x := range map[string]struct {
		unit barUnit
		want string
	}{
		"documents": {ofDocuments, `work .*1000 of 4000, .*/s, .*s left`},
		"bytes":     {ofBytes, `work .*1\.0 .B of 4\.0 .B, .*B/s, .*s left`},
		"parts":     {ofParts, `work .*25 %, .*s left`},
		"unending":  {unending, `work .*0s`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TERM", "xterm")
			terminal, written := screen(t)
			a := &app{screen: terminal, err: terminal}
			ended := make(chan struct{})
			err := a.withBar("work", x.unit, func(show func(done, total uint64)) error {
				show(1_000, 4_000)
				if _, ok := written.wait(regexp.MustCompile(x.want), ended); !ok {
					t.Errorf("the terminal shows %q, want %s", written.String(), x.want)
				}
				return boom
			})
			if !errors.Is(err, boom) {
				t.Errorf("got error %v, want that of the work", err)
			}
		})
	}
}

func TestNoBarIsDrawnOffATerminal(t *testing.T) {
	t.Setenv("TERM", "dumb")
	terminal, _ := openTerminal(t)
	for name, a := range map[string]*app{"no terminal": {}, "a dumb one": {screen: terminal}} {
		var text bytes.Buffer
		a.err = &text
		err := a.withBar("work", ofDocuments, func(show func(done, total uint64)) error { show(1, 2); return nil })
		if err != nil || text.Len() > 0 {
			t.Errorf("%s: wrote %q (%v), want nothing", name, text.String(), err)
		}
	}
}
