package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// ask METHOD URL REGEXP [BODY] sends a request as the user of the variable LOGIN, user:password or @FILE
// with the login that serve has made, or by the certificate and key in the file of the variable CERTIFICATE,
// and matches the status and the answer. It trusts each certificate, or only that of the variable TRUST.
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
	client := http.Client{Transport: &http.Transport{TLSClientConfig: tlsOfScript(ts)}}
	res, err := client.Do(req)
	ts.Check(err)
	text, err := io.ReadAll(res.Body)
	ts.Check(errors.Join(err, res.Body.Close()))
	client.CloseIdleConnections()
	if got := res.Status + "\n" + string(text); !regexp.MustCompile("(?s)" + args[2]).MatchString(got) {
		ts.Fatalf("%s %s: got\n%s\nwant %q", args[0], args[1], got, args[2])
	}
}

// tlsOfScript returns the TLS of ask.
func tlsOfScript(ts *testscript.TestScript) *tls.Config {
	cfg := &tls.Config{InsecureSkipVerify: true}
	if file := ts.Getenv("CERTIFICATE"); file != "" {
		certificate, err := tls.LoadX509KeyPair(ts.MkAbs(file), ts.MkAbs(file))
		ts.Check(err)
		cfg.Certificates = []tls.Certificate{certificate}
	}
	if file := ts.Getenv("TRUST"); file != "" {
		cfg.InsecureSkipVerify, cfg.RootCAs = false, x509.NewCertPool()
		cfg.RootCAs.AppendCertsFromPEM([]byte(ts.ReadFile(file)))
	}
	return cfg
}

// certify FILE [NAME] writes a key and its certificate, for 127.0.0.1 and a client of the name, as PEM.
func certify(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: certify file [name]")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		Subject:     pkix.Name{CommonName: strings.Join(args[1:], " ")},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	ts.Check(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
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
