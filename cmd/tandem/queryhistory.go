package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tandemdb/tandem/cmd/tandem/prompt"
)

// The bounds of the history.
const (
	mostHistory     = 1000     // lines; with twice as many the older half is dropped
	mostHistoryRead = 16 << 20 // bytes
)

// historyFile returns the path of the history in the user's folder for state, "" if there is none.
func historyFile() string {
	folder := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(folder) {
		folder = ""
	}
	if folder == "" && (runtime.GOOS == "windows" || runtime.GOOS == "darwin") {
		folder, _ = os.UserConfigDir() // "" if there is none
	} else if home, err := os.UserHomeDir(); folder == "" && err == nil {
		folder = filepath.Join(home, ".local", "state")
	}
	if folder == "" {
		return ""
	}
	return filepath.Join(folder, "tandem", "query-history")
}

// history is the file of earlier statements, one on a line. Only the user may read it, since
// statements have values. Without a file the history ends with the prompt.
type history struct {
	file  *os.File // nil for none
	lines []string // of earlier prompts
}

// openHistory reads the history. Several prompts may append to one file.
func openHistory(path string) *history {
	h := &history{}
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return h
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return h
	}
	h.file = file
	_ = file.Chmod(0o600) // Windows has no such modes
	scanner := bufio.NewScanner(io.LimitReader(file, mostHistoryRead))
	scanner.Buffer(nil, maxStatement)
	for scanner.Scan() {
		h.lines = append(h.lines, printable(scanner.Text()))
	}
	if len(h.lines) >= 2*mostHistory || scanner.Err() != nil {
		h.shorten(path)
	}
	h.lines = h.lines[max(0, len(h.lines)-mostHistory):]
	return h
}

// shorten drops the older lines.
func (h *history) shorten(path string) {
	h.lines = h.lines[max(0, len(h.lines)-mostHistory):]
	temporary, err := os.CreateTemp(filepath.Dir(path), "query-history.*") // with mode 0600
	if err != nil {
		return
	}
	_, err = temporary.WriteString(strings.Join(append(h.lines, ""), "\n"))
	if errors.Join(err, temporary.Close(), os.Rename(temporary.Name(), path)) != nil {
		_ = os.Remove(temporary.Name()) // the long one stays
		return
	}
	_ = h.file.Close()
	h.file, _ = os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0o600) // nil if it fails
}

// add keeps a statement for the editor, and in the file unless it is private.
func (h *history) add(text string, e *editor) {
	line, ok := prompt.Fold(text)
	if !ok {
		return // it goes over lines that say something
	}
	if !strings.HasPrefix(line, ".") {
		line += ";"
	}
	e.state.AppendHistory(line)
	if h.file != nil && !e.private {
		_, _ = h.file.WriteString(line + "\n") // the prompt goes on without
	}
}

func (h *history) close() {
	if h.file != nil {
		_ = h.file.Close()
	}
}
