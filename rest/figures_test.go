package rest_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/store/bare"
	"github.com/tandemdb/tandem/rest"
)

var figures = flag.Duration("figures", 0, "measure requests for as long each: see make bench-rest")

const figureDocuments = 20_000

// figureBody is a document of 1 kB.
func figureBody(i int) []byte {
	return fmt.Appendf(nil, `{"n":%d,"text":%q}`, i, strings.Repeat("words of a document ", 49))
}

// TestFigures prints rates of requests, with those of SQLite alone in the same run.
func TestFigures(t *testing.T) {
	if *figures == 0 {
		t.Skip("measures only with -figures DURATION")
	}
	folder := t.TempDir()
	inserted, err := bare.Insert(t.Context(), folder, figureDocuments, 1000, figureBody)
	check(t, err)
	f := newFigures(t)
	f.print("SQLite alone, insert, groups of 1,000", figureDocuments, inserted)
	f.bulk()
	scanned, err := bare.Scan(t.Context(), folder)
	check(t, err)
	f.print("SQLite alone, scan", figureDocuments, scanned)
	f.list()
	for _, workers := range []int{1, 2, 64} {
		looked, err := bare.Lookup(t.Context(), folder, figureDocuments, 64_000, workers)
		check(t, err)
		f.print(fmt.Sprintf("SQLite alone, read by ID, %d connections", workers), 64_000, looked)
	}
	for _, clients := range []int{1, 64} {
		for _, secure := range []bool{false, true} {
			f.requests("GET", clients, secure)
			f.requests("PUT", clients, secure)
		}
	}
}

// figuring is a server whose rates are measured.
type figuring struct {
	t                  *testing.T
	addresses, cookies map[bool]string // with TLS, and without
}

func newFigures(t *testing.T) *figuring {
	db := open(t, "shop", tandem.Options{})
	handler, err := rest.NewHandler(rest.Configuration{
		Databases: []rest.Database{{Database: db, ClientWrites: true}}, Users: testUsers(t), Limits: rest.Limits{RequestsPerSecond: -1},
	})
	check(t, err)
	id, err := tandem.CreateIdentity(tandem.MemoryIdentityStore(), tandem.TLSIdentityOptions{CommonName: "localhost", Usage: tandem.ServerUsage})
	check(t, err)
	f := &figuring{t: t, cookies: map[bool]string{}, addresses: map[bool]string{}}
	var all sync.WaitGroup
	for secure, cfg := range map[bool]*tls.Config{false: nil, true: {Certificates: []tls.Certificate{id.TLSCertificate()}}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		f.addresses[secure] = l.Addr().String()
		all.Go(func() {
			if err := handler.Serve(l, cfg); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		check(t, handler.Close(context.Background()))
		all.Wait()
	})
	for _, secure := range []bool{false, true} {
		f.cookies[secure] = f.logIn(secure)
	}
	return f
}

func (f *figuring) print(what string, n int, took time.Duration) {
	fmt.Printf("%-55s %9.0f/s\n", what, float64(n)/took.Seconds())
}

// logIn returns the cookie of a session.
func (f *figuring) logIn(secure bool) string {
	c := f.dial(secure)
	defer c.Close()
	header := c.exchange("POST", "/_session", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("bob:bob")), nil).Header
	cookie, _, _ := strings.Cut(header.Get("Set-Cookie"), ";")
	return "Cookie: " + cookie
}

// lineClient is a client that costs little, for both share the processors.
type lineClient struct {
	net.Conn
	f  *figuring
	in *bufio.Reader
}

func (f *figuring) dial(secure bool) *lineClient {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.addresses[secure])
	check(f.t, err)
	if secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // its own server
	}
	return &lineClient{conn, f, bufio.NewReader(conn)}
}

// exchange sends a request, and reads the answer to its end.
func (c *lineClient) exchange(method, path, header string, body []byte) *http.Response {
	text := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, path, header)
	if body != nil {
		text = fmt.Appendf(text, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	text = append(append(text, "\r\n"...), body...)
	_, err := c.Write(text)
	check(c.f.t, err)
	got, err := http.ReadResponse(c.in, &http.Request{Method: method})
	check(c.f.t, err)
	n, err := io.Copy(io.Discard, got.Body)
	check(c.f.t, err)
	if got.StatusCode >= 300 {
		c.f.t.Errorf("%s %s: %d with %d bytes", method, path, got.StatusCode, n)
	}
	return got
}

// requests measures clients that send one request after the other.
func (f *figuring) requests(method string, clients int, secure bool) {
	var all sync.WaitGroup
	times := make([][]time.Duration, clients)
	begin := time.Now()
	for i := range clients {
		c := f.dial(secure)
		all.Go(func() {
			defer c.Close()
			for n := 0; time.Since(begin) < *figures; n++ {
				sent := time.Now()
				if method == "GET" {
					c.exchange(method, fmt.Sprintf("/shop/doc-%08d", (n*7919+i*104_729)%figureDocuments), f.cookies[secure], nil)
				} else {
					c.exchange(method, fmt.Sprintf("/shop/%d-%t-%d-%d", clients, secure, i, n), f.cookies[secure], figureBody(n))
				}
				times[i] = append(times[i], time.Since(sent))
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	sorted := slices.Sorted(slices.Values(slices.Concat(times...)))
	at := func(q float64) time.Duration {
		return sorted[int(q*float64(len(sorted)-1))].Round(10 * time.Microsecond)
	}
	f.print(fmt.Sprintf("%s, %d clients, TLS %t: p50 %v, p99 %v", method, clients, secure, at(0.5), at(0.99)), len(sorted), took)
}

// bulk measures _bulk_docs in thousands.
func (f *figuring) bulk() {
	c := f.dial(false)
	defer c.Close()
	var bodies [][]byte
	for from := 0; from < figureDocuments; from += 1000 {
		var body bytes.Buffer
		for i := range 1000 {
			fmt.Fprintf(&body, `,{"_id":"doc-%08d",%s`, from+i, figureBody(from + i)[1:])
		}
		bodies = append(bodies, slices.Concat([]byte(`{"docs":[`), body.Bytes()[1:], []byte("]}")))
	}
	begin := time.Now()
	for _, body := range bodies {
		c.exchange("POST", "/shop/_bulk_docs", f.cookies[false], body)
	}
	f.print("_bulk_docs in thousands", figureDocuments, time.Since(begin))
}

// list measures _all_docs with the documents.
func (f *figuring) list() {
	c := f.dial(false)
	defer c.Close()
	begin := time.Now()
	c.exchange("GET", "/shop/_all_docs?include_docs=true", f.cookies[false], nil)
	f.print("_all_docs with documents", figureDocuments, time.Since(begin))
}
