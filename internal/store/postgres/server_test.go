package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
)

func TestAServerMustFit(t *testing.T) {
	tests := map[string]struct {
		version  int
		encoding string
		eager    string
		says     string
	}{
		"new":              {170002, "UTF8", "off", ""},
		"the oldest":       {120000, "UTF8", "off", ""},
		"too old":          {110022, "UTF8", "off", "version 11"},
		"another encoding": {150000, "SQL_ASCII", "off", "SQL_ASCII"},
		"eager":            {180000, "UTF8", "on", "before each change of a table"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := fits(test.version, test.encoding, test.eager)
			if (err == nil) != (test.says == "") {
				t.Fatalf("got %v", err)
			}
			if err != nil && (!errors.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), test.says) || fault.HintOf(err) == "") {
				t.Errorf("got %v (hint %q), want one that says %q", err, fault.HintOf(err), test.says)
			}
		})
	}
}

// TestColumnsAreReadFromTheStatements keeps the check of the schema in step with the statements that make it.
func TestColumnsAreReadFromTheStatements(t *testing.T) {
	columns := columnsIn(tablesOf)
	for _, want := range []string{
		"hub.one boolean", "hub.line text", "node.until timestamp with time zone", "conflict.remote_deleted boolean", "chunk.data bytea", "dropped.waits boolean",
	} {
		found := false
		for _, column := range columns {
			found = found || column == want
		}
		if !found {
			t.Errorf("%s is missing in %v", want, columns)
		}
	}
	if n := len(columnsIn(strings.Replace(tableOf, "{}", "@documents", 1))); n != 11 {
		t.Errorf("a table of documents has %d columns, want 11", n)
	}
}
