package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/tandemdb/tandem"
)

// conclude prints the result of a replication, and returns an error unless all documents have
// arrived.
func (a *app) conclude(o outcome, f *syncFlags) error {
	for _, failure := range o.failures.first(maxListed) {
		a.note("%s", failure)
	}
	failed := o.failures.count()
	if more := failed - maxListed; more > 0 {
		a.note("and %d more", more)
	}
	notes := io.Writer(a.out)
	if f.asJSON {
		notes = a.err
		if err := a.jsonLines().Encode(o.summary(failed)); err != nil {
			return err
		}
	} else if !o.isNothing() {
		fmt.Fprintln(a.out, o.sentence(failed))
	}
	if f.stats {
		printStats(notes, o.progress)
	}
	switch {
	case o.err != nil && !o.stopped:
		return o.err
	case failed > 0:
		return withHint(fmt.Errorf("sync: %s did not arrive", count(failed, "document")),
			"see the reasons above; what has arrived is safe. The next sync tries again what may pass, and what was refused "+
				"once the document has changed, or with --retry-refused")
	}
	return nil
}

// summary is the output of sync --json.
type summary struct {
	Status         string  `json:"status"` // "done", "stopped" or "failed"
	Error          *string `json:"error"`
	Pushed         uint64  `json:"pushed"`
	Pulled         uint64  `json:"pulled"`
	Failed         int     `json:"failed"`
	Conflicts      uint64  `json:"conflicts"`
	DeltasSent     uint64  `json:"deltasSent"`
	DeltasReceived uint64  `json:"deltasReceived"`
	BytesSent      uint64  `json:"bytesSent"`
	BytesReceived  uint64  `json:"bytesReceived"`
	Seconds        float64 `json:"seconds"`

	*reason                     // the reason of the error
	Documents []documentFailure `json:"documents,omitempty"` // some of the failed documents
}

// reason is the kind of an error in JSON: a domain and code as in the documentation.
type reason struct {
	Domain string `json:"domain"`
	Code   int    `json:"code"`
}

func reasonOf(err error) *reason {
	var e *tandem.Error
	if !errors.As(err, &e) {
		return nil
	}
	return &reason{string(e.Domain), e.Code}
}

// documentFailure is a document that did not arrive.
type documentFailure struct {
	Direction  string `json:"direction"`  // "pushed" or "pulled"
	Collection string `json:"collection"` // scope.name
	ID         string `json:"id"`
	Error      string `json:"error"`
	*reason
}

func (o outcome) summary(failed int) summary {
	p := o.progress
	s := summary{
		Status: o.status(failed), Pushed: p.Push.Documents, Pulled: p.Pull.Documents, Failed: failed,
		Conflicts: p.Conflicts, DeltasSent: p.DeltasSent, DeltasReceived: p.DeltasReceived,
		BytesSent: p.BytesSent, BytesReceived: p.BytesReceived, Seconds: o.took.Seconds(),
	}
	if o.err != nil && !o.stopped {
		text := o.err.Error()
		s.Error, s.reason = &text, reasonOf(o.err)
	}
	for _, key := range o.failures.sorted(maxListed) {
		err := o.failures.all[key]
		s.Documents = append(s.Documents, documentFailure{key.direction(), key.collection, key.id, err.Error(), reasonOf(err)})
	}
	return s
}

// isNothing reports whether the replication failed before the peer let it in, so that the error says
// all there is to say.
func (o outcome) isNothing() bool {
	return o.err != nil && !o.stopped && o.progress.BytesSent == 0 && o.progress.BytesReceived == 0
}

func (o outcome) status(failed int) string {
	switch {
	case o.stopped && failed == 0:
		return "stopped"
	case o.err != nil || failed > 0:
		return "failed"
	}
	return "done"
}

func (o outcome) sentence(failed int) string {
	p := o.progress
	begin := map[string]string{"done": "in sync", "stopped": "stopped", "failed": "not in sync"}[o.status(failed)]
	text := fmt.Sprintf("%s: pushed %s, pulled %s", begin, count(p.Push.Documents, "document"), count(p.Pull.Documents, "document"))
	if p.Conflicts > 0 {
		text += ", resolved " + count(p.Conflicts, "conflict")
	}
	return text + fmt.Sprintf("; %s sent, %s received, %s",
		byteCount(p.BytesSent), byteCount(p.BytesReceived), seconds(o.took))
}

func printStats(w io.Writer, p tandem.ReplicatorProgress) {
	fmt.Fprintf(w, "deltas: %d sent, %d of them refused, %d received; they saved sending %s\n",
		p.DeltasSent, p.DeltasRefused, p.DeltasReceived, byteCount(p.DeltaSaved))
	fmt.Fprintf(w, "blobs: %d sent, %d received (%s)\n", p.BlobsSent, p.BlobsReceived, byteCount(p.BlobBytes))
	fmt.Fprintf(w, "bodies: %s pushed, %s pulled\n", byteCount(p.Push.Bytes), byteCount(p.Pull.Bytes))
}

// failures are the documents that have failed and have not arrived since.
type failures struct {
	mu    sync.Mutex // guards the following
	all   map[failedDocument]error
	worse bool // more have failed than are kept
}

type failedDocument struct {
	push           bool
	collection, id string
}

const (
	maxListed   = 20
	maxFailures = 100_000 // kept in memory
)

func newFailures() *failures { return &failures{all: make(map[failedDocument]error)} }

// note updates the failures after documents arrived or failed.
func (f *failures) note(news tandem.DocumentReplication) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, doc := range news.Documents {
		key := failedDocument{news.IsPush, doc.Scope + "." + doc.Collection, doc.ID}
		switch {
		case doc.Err == nil:
			delete(f.all, key)
		case len(f.all) < maxFailures:
			f.all[key] = doc.Err
		default:
			f.worse = true
		}
	}
}

// count returns the number of failures, or the number of kept ones if there are more.
func (f *failures) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.worse {
		return max(len(f.all), 1)
	}
	return len(f.all)
}

// first describes up to n of them, by direction, collection and ID.
func (f *failures) first(n int) []string {
	keys := f.sorted(n)
	lines := make([]string, len(keys))
	for i, key := range keys {
		lines[i] = fmt.Sprintf("not %s: %s %s: %s", key.direction(), key.collection, key.id, f.all[key])
	}
	return lines
}

// sorted returns the first n; f may be nil. The run must have ended.
func (f *failures) sorted(n int) []failedDocument {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(f.all), func(a, b failedDocument) int {
		return cmp.Or(cmp.Compare(a.direction(), b.direction()), cmp.Compare(a.collection, b.collection), cmp.Compare(a.id, b.id))
	})
	return keys[:min(n, len(keys))]
}

func (d failedDocument) direction() string {
	if d.push {
		return "pushed"
	}
	return "pulled"
}
