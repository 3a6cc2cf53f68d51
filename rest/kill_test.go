package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
	"github.com/tandemdb/tandem/rest"
)

// childFolder is a variable of the environment that makes the test program a server of the database there.
const childFolder = "TANDEM_TEST_SERVE"

// serveAsChild serves a database until the process is killed.
func serveAsChild(folder string) error {
	db, err := tandem.Open(context.Background(), filepath.Join(folder, "shop"), tandem.Options{})
	if err != nil {
		return err
	}
	handler, err := rest.NewHandler(rest.Configuration{
		Databases: []rest.Database{{Database: db, ClientWrites: true}}, Anonymous: true, Limits: rest.Limits{RequestsPerSecond: -1},
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return handler.Serve(l, nil)
}

// TestWhatWasAcknowledgedSurvivesAKill: the server is killed amid bulk requests and single ones.
func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	folder := t.TempDir()
	acknowledged := map[string]int{} // the last n of each document
	for round := range testsize.Pick(4, 40) {
		killRound(t, folder, round, acknowledged)
		wantAcknowledged(t, folder, acknowledged)
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged")
	}
}

// killRound lets a server work, and kills it while it reads a bulk request, or when it has committed part of it.
func killRound(t *testing.T, folder string, round int, acknowledged map[string]int) {
	t.Helper()
	url, kill := startChild(t, folder)
	random := rand.New(rand.NewPCG(1, uint64(round)))
	for i := range random.IntN(20) {
		id := fmt.Sprintf("single-%d-%d", round, i)
		if put(t, url+"/shop/"+id, fmt.Sprintf(`{"n":%d}`, i)) {
			acknowledged[id] = i
		}
	}
	in, out := io.Pipe()
	cut := 1 + random.IntN(8000) // perhaps after the last one
	go func() {
		_, err := io.WriteString(out, `{"docs":[`)
		for i := 0; err == nil && i < 5000; i++ {
			if i == cut {
				kill()
			}
			_, err = fmt.Fprintf(out, `{"_id":"bulk-%d-%d","n":%d},`, round, i, i)
		}
		if err == nil {
			_, err = io.WriteString(out, `{}]}`)
		}
		_ = out.CloseWithError(err)
	}()
	for _, row := range postBulk(url+"/shop/_bulk_docs", in) {
		if row.Rev != "" && strings.HasPrefix(row.ID, "bulk") {
			var n int
			_, err := fmt.Sscanf(row.ID, fmt.Sprintf("bulk-%d-%%d", round), &n)
			check(t, err)
			acknowledged[row.ID] = n
		}
	}
	kill()
}

// startChild starts this program as a server.
func startChild(t *testing.T, folder string) (url string, kill func()) {
	t.Helper()
	child := exec.Command(os.Args[0]) //nolint:gosec // this program
	child.Env = append(os.Environ(), childFolder+"="+folder, "GORACE=atexit_sleep_ms=0")
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	check(t, err)
	check(t, child.Start())
	ended := make(chan struct{})
	kill = func() {
		_ = child.Process.Kill() // it may be dead already
		<-ended
	}
	address, err := bufio.NewReader(output).ReadString('\n')
	go func() {
		defer close(ended)
		_ = child.Wait() // killed
	}()
	t.Cleanup(kill)
	check(t, err)
	return "http://" + strings.TrimSpace(address), kill
}

// put reports whether a document was saved.
func put(t *testing.T, url, body string) bool {
	r, err := http.NewRequest("PUT", url, strings.NewReader(body))
	check(t, err)
	r.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer got.Body.Close()
	return got.StatusCode == http.StatusCreated
}

type bulkRow struct{ ID, Rev string }

// postBulk returns the results of a bulk request, as far as they came.
func postBulk(url string, body io.Reader) (rows []bulkRow) {
	r, err := http.NewRequest("POST", url, body)
	if err != nil {
		return nil
	}
	r.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil
	}
	defer got.Body.Close()
	in := json.NewDecoder(got.Body)
	if _, err := in.Token(); err != nil {
		return nil
	}
	for in.More() {
		var row bulkRow
		if in.Decode(&row) != nil {
			break
		}
		rows = append(rows, row)
	}
	return rows
}

func wantAcknowledged(t *testing.T, folder string, acknowledged map[string]int) {
	t.Helper()
	db, err := tandem.Open(t.Context(), filepath.Join(folder, "shop"), tandem.Options{})
	check(t, err)
	defer func() { check(t, db.Close()) }()
	problems, err := db.Check(t.Context())
	if err != nil || len(problems) > 0 {
		t.Errorf("the database is not sound: %v, %v", problems, err)
	}
	coll, err := db.DefaultCollection(t.Context())
	check(t, err)
	for id, n := range acknowledged {
		var got struct{ N int }
		if err := coll.Get(t.Context(), id, &got); errors.Is(err, tandem.ErrNotFound) || got.N != n {
			t.Errorf("%s was acknowledged with %d: got %v, %v", id, n, got, err)
		}
	}
}
