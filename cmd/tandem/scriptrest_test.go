package main

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// ask METHOD URL REGEXP [BODY] sends a request as the user of the variable LOGIN, user:password or @FILE
// with the login that serve has made, and matches the status and the answer. It trusts each certificate.
func ask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: ask method url regexp [body]")
	}
	req, err := http.NewRequest(args[0], args[1], strings.NewReader(strings.Join(args[3:], " ")))
	ts.Check(err)
	if len(args) > 3 {
		req.Header.Set("Content-Type", "application/json")
	}
	login := ts.Getenv("LOGIN")
	if file, ok := strings.CutPrefix(login, "@"); ok {
		words := strings.Fields(ts.ReadFile(file)) // machine HOST login USER password PASSWORD
		login = words[3] + ":" + words[5]
	}
	if user, password, ok := strings.Cut(login, ":"); ok {
		req.SetBasicAuth(user, password)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	res, err := client.Do(req)
	ts.Check(err)
	text, err := io.ReadAll(res.Body)
	ts.Check(errors.Join(err, res.Body.Close()))
	client.CloseIdleConnections()
	if got := res.Status + "\n" + string(text); !regexp.MustCompile("(?s)" + args[2]).MatchString(got) {
		ts.Fatalf("%s %s: got\n%s\nwant %q", args[0], args[1], got, args[2])
	}
}

// private FILE checks that others cannot read a file.
func private(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: private file")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if info.Mode().Perm()&0o077 != 0 {
		ts.Fatalf("%s has the mode %v", args[0], info.Mode())
	}
}
