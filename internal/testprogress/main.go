package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

func main() {
	pace, wipe := 30*time.Second, ""
	if term.IsTerminal(int(os.Stdout.Fd())) { //nolint:gosec // a file handle
		pace, wipe = time.Second, "\r\x1b[K"
	}
	if err := follow(os.Stdin, os.Stdout, pace, wipe); err != nil {
		fmt.Fprintln(os.Stderr, "testprogress:", err)
		os.Exit(1)
	}
}

// follow reads events until there are no more, and says at that pace what is at work. Before it
// says something else, it writes wipe to take that back.
func follow(in io.Reader, out io.Writer, pace time.Duration, wipe string) error {
	lines, ended := make(chan []byte), make(chan error, 1)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, 64<<20)
		for scanner.Scan() {
			lines <- append([]byte(nil), scanner.Bytes()...)
		}
		ended <- scanner.Err()
	}()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	began := time.Now()
	r := newReport(out, wipe)
	for {
		select {
		case line, more := <-lines:
			if !more {
				r.sumUp(time.Since(began))
				return <-ended
			}
			r.take(line)
		case <-tick.C:
			r.progress(time.Since(began))
		}
	}
}
