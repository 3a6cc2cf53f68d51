package queries

import (
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/value"
)

// registerItems registers the table tandem_items(full) or tandem_items(text, path). The table has a
// row for each item of an array, with its value in full form, in key form, and as JSON.
func registerItems(c *sqlite3.Conn, paths pathCache) error {
	return sqlite3.CreateModule(c, "tandem_items", nil, func(c *sqlite3.Conn, _, _, _ string, _ ...string) (items, error) { //nolint:staticcheck // the generic method needs a later Go
		if err := c.VTabConfig(sqlite3.VTAB_INNOCUOUS); err != nil {
			return items{}, err
		}
		return items{paths}, c.DeclareVTab(`CREATE TABLE x (value, key, text, source HIDDEN, path HIDDEN)`)
	})
}

// The columns of the table.
const (
	columnValue = iota
	columnKey
	columnText
	columnSource
	columnPath
)

type items struct{ paths pathCache }

// BestIndex accepts the arguments of the table, which SQLite passes as conditions on its hidden
// columns.
func (items) BestIndex(idx *sqlite3.IndexInfo) error {
	taken := 0
	for i, c := range idx.Constraint {
		if c.Op != sqlite3.INDEX_CONSTRAINT_EQ || c.Column != columnSource && c.Column != columnPath {
			continue
		}
		if !c.Usable {
			return sqlite3.CONSTRAINT
		}
		idx.ConstraintUsage[i] = sqlite3.IndexConstraintUsage{Omit: true, ArgvIndex: c.Column - columnSource + 1}
		taken++
	}
	if taken == 0 {
		return sqlite3.CONSTRAINT
	}
	idx.EstimatedCost = 10
	idx.EstimatedRows = 10
	return nil
}

func (t items) Open() (sqlite3.VTabCursor, error) { return &cursor{paths: t.paths}, nil }

// cursor points to one of the items.
type cursor struct {
	paths pathCache
	items []value.Value
	at    int
}

func (c *cursor) Filter(_ int, _ string, a ...sqlite3.Value) error {
	c.items, c.at = c.items[:0], 0
	var source value.Value
	switch {
	case len(a) == 1:
		source = decode(a[0])
	case a[0].Type() == sqlite3.TEXT:
		if text := c.paths.of(a[1]).Find(a[0].RawText()); text != nil {
			source = value.FromJSON(text)
		}
	}
	c.items = slices.AppendSeq(c.items, source.Items())
	return nil
}

func (c *cursor) Next() error           { c.at++; return nil }
func (c *cursor) EOF() bool             { return c.at >= len(c.items) }
func (c *cursor) RowID() (int64, error) { return int64(c.at), nil }

func (c *cursor) Column(ctx sqlite3.Context, n int) error {
	switch v := c.items[c.at]; n {
	case columnValue:
		give(ctx, v)
	case columnKey:
		give(ctx, v.Untagged())
	case columnText:
		ctx.ResultRawText(v.AppendJSON(nil))
	}
	return nil
}
