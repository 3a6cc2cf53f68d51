package queries

import (
	"bytes"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/value"
)

// registerItems registers the table tandem_items(full) or tandem_items(text, path). The table has a
// row for each item of an array, with its value in full form, in key form, and as JSON. The column tag has the full form
// if it differs from the key form, and else is NULL. The column item has a number for tandem_groups, which finds the
// JSON by it while the row is read.
func (r *Runner) registerItems(c *sqlite3.Conn, paths pathCache) error {
	return sqlite3.CreateModule(c, "tandem_items", nil, func(c *sqlite3.Conn, _, _, _ string, _ ...string) (items, error) { //nolint:staticcheck // the generic method needs a later Go
		if err := c.VTabConfig(sqlite3.VTAB_INNOCUOUS); err != nil {
			return items{}, err
		}
		return items{r, paths}, c.DeclareVTab(`CREATE TABLE x (value, key, text, tag, item, source HIDDEN, path HIDDEN)`)
	})
}

// The columns of the table.
const (
	columnValue = iota
	columnKey
	columnText
	columnTag
	columnItem
	columnSource
	columnPath
)

type items struct {
	runner *Runner
	paths  pathCache
}

// BestIndex accepts the arguments of the table, which SQLite passes as conditions on its hidden
// columns, and a value that the key has to have.
func (items) BestIndex(idx *sqlite3.IndexInfo) error {
	taken, equal := 0, -1
	for i, c := range idx.Constraint {
		if c.Op != sqlite3.INDEX_CONSTRAINT_EQ {
			continue
		}
		switch {
		case c.Column == columnKey && c.Usable && idx.Collation(i) == "BINARY":
			equal = i
		case c.Column != columnSource && c.Column != columnPath:
		case !c.Usable:
			return sqlite3.CONSTRAINT
		default:
			idx.ConstraintUsage[i] = sqlite3.IndexConstraintUsage{Omit: true, ArgvIndex: c.Column - columnSource + 1}
			taken++
		}
	}
	if taken == 0 {
		return sqlite3.CONSTRAINT
	}
	idx.EstimatedCost = 10
	idx.EstimatedRows = 10
	if equal >= 0 { // SQLite compares the items that are left itself
		idx.ConstraintUsage[equal].ArgvIndex = taken + 1
		idx.IdxNum = withKey
		idx.EstimatedRows = 1
	}
	return nil
}

// withKey says that the last argument is the key of the items that are wanted.
const withKey = 1

func (t items) Open() (sqlite3.VTabCursor, error) {
	c := &cursor{runner: t.runner, paths: t.paths}
	if c.number = slices.Index(t.runner.cursors, nil); c.number < 0 {
		c.number = len(t.runner.cursors)
		t.runner.cursors = append(t.runner.cursors, nil)
	}
	t.runner.cursors[c.number] = c
	return c, nil
}

// cursor points to one of the items, which it keeps as they are written in the document.
type cursor struct {
	runner *Runner
	number int // among the cursors of the runner
	paths  pathCache
	text   []byte   // has all items
	items  [][]byte // parts of text
	at     int
}

// Close is called by SQLite's package.
func (c *cursor) Close() error {
	c.runner.cursors[c.number] = nil
	return nil
}

func (c *cursor) Filter(how int, _ string, a ...sqlite3.Value) error {
	c.text, c.items, c.at = c.text[:0], c.items[:0], 0
	source := a
	if how == withKey {
		source = a[:len(a)-1]
	}
	switch {
	case len(source) == 1:
		v := decode(source[0])
		if v.IsMissing() {
			return nil
		}
		c.text = v.AppendJSON(c.text)
	case source[0].Type() == sqlite3.TEXT:
		text := c.paths.of(source[1]).Find(source[0].RawText())
		if text == nil {
			return nil
		}
		c.text = append(c.text, text...) // SQLite's own may move
	default:
		return nil
	}
	c.items = value.AppendItems(c.items, c.text)
	if how == withKey {
		key := a[len(a)-1]
		c.items = slices.DeleteFunc(c.items, func(item []byte) bool { return differs(item, key) })
	}
	return nil
}

// differs reports whether an item certainly has another key. Its text may be written in several ways.
func differs(item []byte, key sqlite3.Value) bool {
	isString := item[0] == '"'
	switch key.Type() {
	case sqlite3.TEXT:
		if !isString {
			return true
		}
		plain := plainString(item)
		return plain != nil && !bytes.Equal(plain, key.RawText())
	case sqlite3.INTEGER, sqlite3.FLOAT:
		return isString
	case sqlite3.BLOB, sqlite3.NULL:
	}
	return false
}

func (c *cursor) Next() error           { c.at++; return nil }
func (c *cursor) EOF() bool             { return c.at >= len(c.items) }
func (c *cursor) RowID() (int64, error) { return int64(c.at), nil }

func (c *cursor) Column(ctx sqlite3.Context, n int) error {
	switch item := c.items[c.at]; n {
	case columnValue:
		giveText(ctx, item, false)
	case columnKey:
		giveText(ctx, item, true)
	case columnText:
		ctx.ResultRawText(item)
	case columnTag:
		giveTag(ctx, item)
	case columnItem:
		ctx.ResultInt64(int64(c.number)<<numberShift | int64(c.at))
	}
	return nil
}

const numberShift = 32 // of a cursor's number, before that of an item

// item returns the JSON text of an item by the number in its column.
func (r *Runner) item(number int64) []byte {
	return r.cursors[number>>numberShift].items[number&(1<<numberShift-1)]
}

// giveTag returns the full form of an item if its key form is another.
func giveTag(ctx sqlite3.Context, item []byte) {
	switch item[0] {
	case 't', 'f':
		giveText(ctx, item, false)
	case '"', '[', '{', 'n', '-':
	default:
		if len(item) < len("9223372036854775808") {
			return
		}
		if v := value.FromJSON(item); v.Kind() == value.Uint {
			give(ctx, v)
		}
	}
}
