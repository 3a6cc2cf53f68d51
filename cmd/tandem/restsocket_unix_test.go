//go:build unix

package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tandemdb/tandem"
)

func TestHTTPIsServedAtAUnixSocketForItsUserAlone(t *testing.T) {
	k := &restKilling{killing: &killing{t: t, dir: t.TempDir()}}
	path, socket := filepath.Join(k.dir, "shop.tandem"), filepath.Join(k.dir, "s")
	db, err := tandem.Open(t.Context(), path, tandem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	stale(t, socket)
	p := k.launch("serve", path, "--interface", "127.0.0.1", "--no-tls", "--rest=unix:"+socket)
	p.wants(t, "(?m)^rest unix:.*$")
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has the mode %v (%v), want 0600", info.Mode(), err)
	}
	text, err := os.ReadFile(filepath.Join(path, adminFileName))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", socket)
	}}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequest(http.MethodGet, "http://localhost/_all_dbs", nil)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(text))
	r.SetBasicAuth(words[3], words[5])
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("status %d", answer.StatusCode)
	}
	second := k.launch("serve", path, "--interface", "127.0.0.1", "--no-tls", "--rest=unix:"+socket)
	if <-second.ended; second.err == nil || !strings.Contains(second.output.String(), "serve HTTP at unix:") {
		t.Errorf("a second server took the socket: %v\n%s", second.err, second.output.String())
	}
}

// stale leaves the socket of a server that was killed.
func stale(t *testing.T, path string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
}
