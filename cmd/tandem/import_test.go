package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestImportReadsInBatches(t *testing.T) {
	var text strings.Builder
	for n := range 2*importBatchSize + 1 {
		fmt.Fprintf(&text, "{\"_id\":\"d%d\"}\n", n)
	}
	var sizes []int
	for batch, err := range (lineReader{}).batches(strings.NewReader(text.String())) {
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(batch))
	}
	if got, want := fmt.Sprint(sizes), fmt.Sprint([]int{importBatchSize, importBatchSize, 1}); got != want {
		t.Errorf("batches of %s, want %s", got, want)
	}
}

func TestImportEndsBatchesOfLongLinesEarly(t *testing.T) {
	line := `{"a":"` + strings.Repeat("x", importBatchBytes/2) + "\"}\n"
	batchesSeen := 0
	for batch, err := range (lineReader{}).batches(strings.NewReader(strings.Repeat(line, 4))) {
		if err != nil {
			t.Fatal(err)
		}
		if batchesSeen++; len(batch) != 2 {
			t.Errorf("batch of %d lines, want 2", len(batch))
		}
	}
	if batchesSeen != 2 {
		t.Errorf("%d batches, want 2", batchesSeen)
	}
}

func TestImportGivesEachBadLineItsNumber(t *testing.T) {
	for text, want := range map[string]int{
		"x":                        1,
		"{}\n\n[]":                 3,
		"{}\n{\"_id\":null}":       2,
		"{}\n{\"_id\":\"\"}":       2,
		"{}\n{\"a\":1,\"a\":2}\n":  2,
		"{}\n{\"a\":\"\xff\"}\n{}": 2,
	} {
		var line lineError
		for _, err := range (lineReader{}).batches(strings.NewReader(text)) {
			if err != nil && !errors.As(err, &line) {
				t.Errorf("%q gives %v, which has no line", text, err)
			}
		}
		if line.number != want {
			t.Errorf("%q fails in line %d, want %d", text, line.number, want)
		}
	}
}

// What is exported imports as the same document, and exports as the same line.
func TestImportUndoesExport(t *testing.T) {
	testsize.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[a-z"\\<é][ -~é]{0,20}`).Draw(t, "id")
		value := rapid.SampledFrom([]string{`1.10`, `18446744073709551615`, `"<&\u2028>"`, `{"z":1,"a":[]}`}).Draw(t, "value")
		first, err := (lineReader{}).parse([]byte(`{"a":` + value + `,"_id":` + string(appendText(nil, id)) + `,"b":null}`))
		if err != nil {
			t.Fatal(err)
		}
		line := appendDocument(nil, first.doc, lineForm{})
		second, err := (lineReader{}).parse(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if second.doc.ID() != id || !bytes.Equal(appendDocument(nil, second.doc, lineForm{}), line) {
			t.Errorf("%s came back as %s", line, appendDocument(nil, second.doc, lineForm{}))
		}
	})
}

func TestInterruptedImportDoesNotWaitForInput(t *testing.T) {
	silent, writer := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var last error
	for _, err := range ahead(ctx, (lineReader{}).batches(silent)) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("the import ended with %v, want %v", last, context.Canceled)
	}
	_ = writer.Close() // which ends the goroutine that reads
}

func FuzzImport(f *testing.F) {
	f.Add([]byte("{\"_id\":\"a\"}\n{}"))
	f.Add([]byte("{\"_id\":1}"))
	f.Add([]byte("\x00"))
	for _, m := range fuzzing.Recorded(f, "rev") {
		f.Add(m.Body)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		fuzzing.Bounded(t, len(text), func() {
			for batch, err := range (lineReader{}).batches(bytes.NewReader(text)) {
				if err != nil && batch != nil {
					t.Fatal("a batch beside an error")
				}
				for _, line := range batch {
					if line.doc.ID() == "" {
						t.Fatalf("line %d has no ID", line.number)
					}
				}
			}
		})
	})
}
