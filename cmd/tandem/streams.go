package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/term"
)

// terminalOf returns a stream as a file if it is a terminal, otherwise nil.
func terminalOf(stream any) *os.File {
	file, ok := stream.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return file
}

// errNobodyReads ends a command whose output nobody reads any more, as in `tandem ls db | head`. It
// is not reported.
var errNobodyReads = errors.New("nobody reads what is written")

// outlet is standard output or error. It calls gone when its reader has gone.
type outlet struct {
	io.Writer
	gone context.CancelCauseFunc
}

// Write implements [io.Writer].
func (o outlet) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		o.gone(errNobodyReads)
		err = errNobodyReads
	}
	return n, err
}

// input is standard input for one reader. A read ends when the command is interrupted.
type input struct {
	from        io.Reader
	interrupted <-chan struct{}
	buffer      []byte // of the running read; used by one goroutine at a time
}

// Read implements [io.Reader].
func (in *input) Read(p []byte) (int, error) {
	if len(in.buffer) < len(p) {
		in.buffer = make([]byte, len(p))
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() { // after an interruption it ends with the process
		n, err := in.from.Read(in.buffer[:len(p)])
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return copy(p, in.buffer[:r.n]), r.err
	case <-in.interrupted:
		return 0, context.Canceled
	}
}

// askSecret asks for a secret at the terminal, without echo. An interruption ends the question and
// restores the echo.
func (a *app) askSecret(prompt string) (string, error) {
	fd := int(a.keyboard.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	defer fmt.Fprintln(a.err)
	type answer struct {
		secret []byte
		err    error
	}
	answered := make(chan answer, 1)
	go func() { // after an interruption it ends with the process
		fmt.Fprint(a.err, prompt+": ")
		secret, err := term.ReadPassword(fd)
		answered <- answer{secret, err}
	}()
	select {
	case given := <-answered:
		return string(given.secret), given.err
	case <-a.interrupted:
		return "", errors.Join(context.Canceled, term.Restore(fd, before))
	}
}
