//go:build unix

package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func TestTheDemoEndsWithAPage(t *testing.T) {
	k := &killing{t: t, dir: t.TempDir()}
	demo := k.shell("exec tandem demo --page")
	pattern := regexp.MustCompile(`(?m)^ +page (\S+)/_tandem/login\?t=(\S+)$`)
	demo.wants(t, pattern.String())
	found := pattern.FindStringSubmatch(demo.output.String())

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	defer client.CloseIdleConnections()
	answer, err := client.PostForm(found[1]+"/_tandem/login", url.Values{"t": {found[2]}, "next": {"/_tandem/docs"}})
	if err != nil {
		t.Fatal(err)
	}
	html, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || !strings.Contains(string(html), "office") || !strings.Contains(string(html), "till") {
		t.Fatalf("%v %d\n%s", err, answer.StatusCode, html)
	}
	if err := demo.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-demo.ended
	if !strings.Contains(demo.output.String(), "Done in ") {
		t.Errorf("the demo ends with %v:\n%s", demo.err, demo.output.String())
	}
}
