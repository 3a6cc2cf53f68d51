package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

func someProgress() tandem.ReplicatorProgress {
	return tandem.ReplicatorProgress{
		Push:      tandem.DirectionProgress{Documents: 1, Completed: 1, Total: 1, Bytes: 10},
		Pull:      tandem.DirectionProgress{Documents: 2, Completed: 3, Total: 3, Bytes: 20},
		Conflicts: 3, DeltasSent: 4, DeltasReceived: 5, BytesSent: 6000, BytesReceived: 7,
	}
}

func conclude(o outcome, f syncFlags) (stdout, stderr string, err error) {
	var out, notes bytes.Buffer
	a := &app{out: bufio.NewWriter(&out), err: &notes}
	if o.failures == nil {
		o.failures = newFailures()
	}
	err = a.conclude(o, &f)
	_ = a.out.Flush()
	return out.String(), notes.String(), err
}

func TestSummaryIsOneObjectOfAKnownForm(t *testing.T) {
	for want, o := range map[string]outcome{
		`{"status":"done","error":null,"pushed":1,"pulled":2,"failed":0,"conflicts":3,"deltasSent":4,` +
			`"deltasReceived":5,"bytesSent":6000,"bytesReceived":7,"seconds":1.5}`: {},
		`{"status":"failed","error":"no way","pushed":1,"pulled":2,"failed":0,"conflicts":3,"deltasSent":4,` +
			`"deltasReceived":5,"bytesSent":6000,"bytesReceived":7,"seconds":1.5}`: {err: errors.New("no way")},
		`{"status":"stopped","error":null,"pushed":1,"pulled":2,"failed":0,"conflicts":3,"deltasSent":4,` +
			`"deltasReceived":5,"bytesSent":6000,"bytesReceived":7,"seconds":1.5}`: {err: errors.New("signal"), stopped: true},
	} {
		o.progress, o.took = someProgress(), 1500*time.Millisecond
		got, _, err := conclude(o, syncFlags{asJSON: true})
		if got != want+"\n" {
			t.Errorf("summary %swant    %s", got, want)
		}
		if (err != nil) != strings.Contains(want, "failed\",\"error") {
			t.Errorf("%s: error %v", want, err)
		}
	}
}

func TestSummaryNamesTheKindOfErrors(t *testing.T) {
	o := outcome{failures: newFailures(), err: tandem.ErrUnauthorized}
	o.failures.note(failed(true, "a", tandem.ErrForbidden))
	o.failures.note(failed(false, "b", errors.New("no")))
	got, _, _ := conclude(o, syncFlags{asJSON: true})
	want := `,"domain":"WebSocket","code":401,"documents":[` +
		`{"direction":"pulled","collection":"s.c","id":"b","error":"no"},` +
		`{"direction":"pushed","collection":"s.c","id":"a","error":"forbidden by the peer","domain":"WebSocket","code":403}]}` + "\n"
	if !strings.HasSuffix(got, want) {
		t.Errorf("summary %swant an end %s", got, want)
	}
}

func TestOutcomeIsTold(t *testing.T) {
	got, _, _ := conclude(outcome{progress: someProgress(), took: 12 * time.Millisecond}, syncFlags{stats: true})
	want := "in sync: pushed 1 document, pulled 2 documents, resolved 3 conflicts; 6.0 kB sent, 7 B received, 12 ms\n" +
		"deltas: 4 sent, 0 of them refused, 5 received; they saved sending 0 B\n" + // D-06
		"blobs: 0 sent, 0 received (0 B)\nbodies: 10 B pushed, 20 B pulled\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func failed(push bool, id string, err error) tandem.DocumentReplication {
	doc := tandem.ReplicatedDocument{Scope: "s", Collection: "c", ID: id, Err: err}
	return tandem.DocumentReplication{IsPush: push, Documents: []tandem.ReplicatedDocument{doc}}
}

func TestDocumentsThatDidNotArriveAreListed(t *testing.T) {
	o := outcome{failures: newFailures()}
	for n := range maxListed + 5 {
		o.failures.note(failed(true, fmt.Sprintf("d%02d", n), errors.New("forbidden")))
	}
	o.failures.note(failed(true, "d00", nil)) // it did in the end
	stdout, stderr, err := conclude(o, syncFlags{})
	if !strings.HasPrefix(stdout, "not in sync: ") {
		t.Errorf("stdout %q", stdout)
	}
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if len(lines) != maxListed+1 || lines[0] != "not pushed: s.c d01: forbidden" || lines[maxListed] != "and 4 more" {
		t.Errorf("stderr has %d lines:\n%s", len(lines), stderr)
	}
	if err == nil || hintOf(err) == "" || !strings.Contains(err.Error(), "24 documents did not arrive") {
		t.Errorf("error %v with hint %q", err, hintOf(err))
	}
}

func TestFailuresAreBounded(t *testing.T) {
	f := newFailures()
	for n := range maxFailures + 10 {
		f.note(failed(false, fmt.Sprint(n), errors.New("no")))
	}
	if len(f.all) != maxFailures || f.count() != maxFailures {
		t.Errorf("%d failures are kept, %d counted; want %d", len(f.all), f.count(), maxFailures)
	}
	for n := range maxFailures {
		f.note(failed(false, fmt.Sprint(n), nil))
	}
	if f.count() == 0 {
		t.Error("failures that were not kept are forgotten")
	}
}

func TestBytesAreRendered(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 1549: "1.5 kB", 999_949: "999.9 kB", 999_950: "1.0 MB",
		5_000_000_000: "5.0 GB", 1 << 63: "9.2 EB",
	} {
		if got := byteCount(n); got != want {
			t.Errorf("byteCount(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestLinesTellWhatIsWorthIt(t *testing.T) {
	status := func(activity tandem.ActivityLevel, pulled uint64) tandem.ReplicatorStatus {
		return tandem.ReplicatorStatus{
			Activity: activity,
			Progress: tandem.ReplicatorProgress{Pull: tandem.DirectionProgress{Completed: pulled, Total: 10, Documents: pulled}},
		}
	}
	offline := tandem.ReplicatorStatus{
		Activity: tandem.Offline, Err: errors.New("refused"), NextRetry: time.Now().Add(4 * time.Second),
	}
	for name, c := range map[string]struct {
		continuous bool
		statuses   []tandem.ReplicatorStatus
		want       string
	}{
		"one-shot, quick": {false, []tandem.ReplicatorStatus{
			status(tandem.Connecting, 0), status(tandem.Busy, 5), status(tandem.Idle, 10), status(tandem.Stopped, 10),
		}, ""},
		"continuous": {true, []tandem.ReplicatorStatus{
			status(tandem.Connecting, 0), status(tandem.Busy, 5), status(tandem.Idle, 10), status(tandem.Idle, 10),
		}, "connected to wss://a/b\nwaiting for changes: so far pushed 0 documents, pulled 10 documents\n"},
		"back again": {true, []tandem.ReplicatorStatus{
			status(tandem.Idle, 0), offline, status(tandem.Connecting, 0), status(tandem.Busy, 0),
		}, "connected to wss://a/b\nwaiting for changes: so far pushed 0 documents, pulled 0 documents\noffline: refused; next attempt in 4s\nconnected to wss://a/b\n"},
		"offline, told once": {true, []tandem.ReplicatorStatus{offline, offline}, "offline: refused; next attempt in 4s\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var told bytes.Buffer
			view := (&app{err: &told}).newView(c.continuous, "wss://a/b")
			for _, s := range c.statuses {
				view.show(s)
			}
			view.close()
			if told.String() != c.want {
				t.Errorf("told %q, want %q", told.String(), c.want)
			}
		})
	}
}
