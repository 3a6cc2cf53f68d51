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

// The largest sizes of files, in bytes.
const (
	maxSmall  = 8 << 20  // certificates or keys
	maxSecret = 64 << 10 // the first line is a secret
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

// firstLine returns the first line of a file with a secret, or of standard input.
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

// withoutMark returns a line without the byte order mark that some editors write. It refuses
// UTF-16.
func withoutMark(line string) (string, error) {
	if strings.HasPrefix(line, "\xff\xfe") || strings.HasPrefix(line, "\xfe\xff") {
		return "", withHint(errors.New("the file is text in UTF-16"), "save it as UTF-8, or as ASCII")
	}
	return strings.TrimPrefix(line, "\ufeff"), nil
}

// nameOfInput returns the name of a file for messages; - is standard input.
func nameOfInput(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

// warnReadable warns if other users may read a file with a secret. On Windows the permissions do
// not tell.
func (a *app) warnReadable(file string) {
	info, err := os.Stat(file)
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o044 != 0 && runtime.GOOS != "windows" {
		a.note("warning: %s can be read by other users; chmod 600 ends that", file)
	}
}

// writeFile writes a file under a temporary name and renames it when it is complete. It writes
// directly to an existing file that is not a regular one, such as a device.
func writeFile(name string, mode os.FileMode, content io.Reader) error {
	partial := name + ".part"
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return fill(name, mode, content)
	}
	err := fill(partial, mode, content)
	if err == nil {
		return os.Rename(partial, name)
	}
	_ = os.Remove(partial) // it may not exist
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
