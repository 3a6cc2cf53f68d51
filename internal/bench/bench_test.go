package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/bench"
	"github.com/tandemdb/tandem/internal/testsize"
)

// measure runs a tiny benchmark whose processes are this test's program.
func measure(t *testing.T, only ...string) bench.Report {
	t.Helper()
	t.Setenv(role, "peer")
	folder := t.TempDir()
	report, err := bench.Run(t.Context(), bench.Config{
		Peer: []string{os.Args[0]}, Only: only, Documents: 40, Runs: 2, Folder: folder,
	})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left %v in the folder, error %v, want nothing", left, err)
	}
	return report
}

func TestRatesAreMeasuredInBothDirections(t *testing.T) {
	report := measure(t, "load", "pull", "push", "trees", "million")
	report.Results = slices.DeleteFunc(report.Results, func(r bench.Result) bool { return r.Unit == "MB" }) // not everywhere
	want := []string{
		"SQLite alone, 1 kB", "load 1 kB, batches of 1,000", "pull 1 kB, wss", "pull 1 kB, ws", "push 1 kB, wss",
		"push 1 kB, ws", "pull 1 kB, wss, rev trees", "push 1 kB, wss, rev trees",
	}
	for i, name := range want {
		got := report.Results[i]
		if got.Name != name || got.Value <= 0 || got.OfLimit <= 0 || len(got.Runs) != 2 {
			t.Errorf("result %d is %+v, want %q with two runs", i, got, name)
		}
		if i > 1 && (got.Server.AllocationsPerDocument <= 0 || got.Client.AllocationsPerDocument <= 0) {
			t.Errorf("%s: no costs", name)
		}
	}
	long := report.Results[len(want)]
	if long.Name != "pull of 400 documents, wss" || len(long.Tenths) != 10 {
		t.Errorf("got %q with %d tenths, want a pull of 400 documents with 10", long.Name, len(long.Tenths))
	}
	checkForms(t, report)
}

// checkForms checks what becomes of a report.
func checkForms(t *testing.T, report bench.Report) {
	t.Helper()
	var table, picture bytes.Buffer
	if err := report.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"8,000-8,500", "≥ 30,000", "push 1 kB, ws", "by tenths"} {
		if !strings.Contains(table.String(), text) {
			t.Errorf("no %q in the table:\n%s", text, &table)
		}
	}
	if err := report.WritePlot(&picture); err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(&picture); err != nil {
		t.Errorf("the plot: %v", err)
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var again bench.Report
	if err := json.Unmarshal(text, &again); err != nil || len(again.Results) != len(report.Results) {
		t.Errorf("JSON gives %d results and error %v, want %d", len(again.Results), err, len(report.Results))
	}
}

func TestTimesAndCrowdsAreMeasured(t *testing.T) {
	report := measure(t, "small", "latency", "crowd")
	if len(report.Results) != 7 {
		t.Fatalf("got %d results, want 7: %+v", len(report.Results), report.Results)
	}
	for _, result := range report.Results {
		if result.Value <= 0 {
			t.Errorf("%s is %v, want more than 0", result.Name, result.Value)
		}
	}
}

func TestAnIdleClientTakesLittleMemoryOfTheListener(t *testing.T) {
	testsize.TrueSpeed(t) // the race detector has memory of its own
	for _, result := range measure(t, "idle").Results {
		if !result.Reached() {
			t.Errorf("%s is %.1f %s, want at most %v", result.Name, result.Value, result.Unit, result.Goal.Value)
		}
	}
}

func TestADeadPeerIsAnError(t *testing.T) {
	t.Setenv(role, "dead")
	_, err := bench.Run(t.Context(), bench.Config{Peer: []string{os.Args[0]}, Only: []string{"load"}, Folder: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "measure load") {
		t.Errorf("got %v, want an error of the load", err)
	}
}

func TestTheEndOfTheContextEndsTheRun(t *testing.T) {
	t.Setenv(role, "peer")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := bench.Run(ctx, bench.Config{
		Peer: []string{os.Args[0]}, Only: []string{"blob"}, Folder: t.TempDir(), Note: func(string) { cancel() },
	})
	if err == nil {
		t.Error("got no error, want that of a run which was ended")
	}
}

func TestConfigTellsAllThatIsWrong(t *testing.T) {
	err := bench.Config{Documents: -1, Runs: -2, Only: []string{"speed"}}.Validate()
	if err == nil {
		t.Fatal("got no error")
	}
	for _, text := range []string{"no command", "-1", "-2", `"speed"`, "latency"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("no %q in %q", text, err)
		}
	}
}

func TestAnEmptyReportHasNoPlot(t *testing.T) {
	if err := (bench.Report{}).WritePlot(&bytes.Buffer{}); err == nil {
		t.Error("got no error for a plot of nothing")
	}
}
