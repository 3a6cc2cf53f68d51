package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// The most that is read of a file, in bytes.
const (
	maxSmall  = 8 << 20  // of certificates or keys
	maxSecret = 64 << 10 // of which the first line is a secret
)

// open opens a file for reading; - is standard input.
func (a *app) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(a.in), nil
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	}
	return os.Open(name)
}

// readSmall reads a file of certificates or keys.
func readSmall(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSmall))
}

// firstLine returns the first line of a file that holds a secret, or of standard input.
func (a *app) firstLine(file string) (string, error) {
	in, err := a.open(file)
	if err != nil {
		return "", err
	}
	defer in.Close()
	a.warnReadable(file)
	line, err := bufio.NewReader(io.LimitReader(in, maxSecret)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line, err = withoutMark(line); err != nil {
		return "", fmt.Errorf("read secret from %s: %w", file, err)
	}
	line = strings.TrimRight(line, "\r\n")
	if isBlank(line) {
		return "", emptySetting("read secret from " + nameOfInput(file) + ": the first line")
	}
	return line, nil
}

// withoutMark returns the first line of a text without the byte order mark that some editors
// begin a file with. A text in UTF-16 is an error.
func withoutMark(line string) (string, error) {
	if strings.HasPrefix(line, "\xff\xfe") || strings.HasPrefix(line, "\xfe\xff") {
		return "", withHint(errors.New("the file is text in UTF-16"), "save it as UTF-8, or as ASCII")
	}
	return strings.TrimPrefix(line, "\ufeff"), nil
}

// nameOfInput names a file, or standard input for -.
func nameOfInput(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

// warnReadable warns of a file with a secret that others may read. On Windows the permissions
// do not tell.
func (a *app) warnReadable(file string) {
	info, err := os.Stat(file)
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o044 != 0 && runtime.GOOS != "windows" {
		a.note("warning: %s can be read by other users; chmod 600 ends that", file)
	}
}

// writeFile writes a file that appears under its name only when it is complete. What is there
// and no regular file, a device for example, is written to as it is.
func writeFile(name string, mode os.FileMode, content io.Reader) error {
	partial := name + ".part"
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return fill(name, mode, content)
	}
	err := fill(partial, mode, content)
	if err == nil {
		return os.Rename(partial, name)
	}
	_ = os.Remove(partial) // it may not even be there
	var failed *fs.PathError
	if errors.As(err, &failed) && failed.Path == partial {
		return &fs.PathError{Op: "write", Path: name, Err: failed.Err}
	}
	return err
}

func fill(name string, mode os.FileMode, content io.Reader) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}
