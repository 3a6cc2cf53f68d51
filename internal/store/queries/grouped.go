package queries

import (
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/value"
)

// groupedRows has the groups that tandem_groups has made, until tandem_grouped takes them.
type groupedRows struct {
	rows map[int64][][]value.Value
	last int64
}

func (g *groupedRows) add(rows [][]value.Value) int64 {
	if g.rows == nil {
		g.rows = map[int64][][]value.Value{}
	}
	g.last++
	g.rows[g.last] = rows
	return g.last
}

// registerGrouped registers the table tandem_grouped(n). It has a row for each of the groups with the number n.
func (r *Runner) registerGrouped(c *sqlite3.Conn) error {
	return sqlite3.CreateModule(c, "tandem_grouped", nil, func(c *sqlite3.Conn, _, _, _ string, _ ...string) (grouped, error) { //nolint:staticcheck // the generic method needs a later Go
		if err := c.VTabConfig(sqlite3.VTAB_INNOCUOUS); err != nil {
			return grouped{}, err
		}
		var columns strings.Builder
		for i := range sql.MaxGrouped {
			fmt.Fprintf(&columns, "c%d, ", i)
		}
		return grouped{r}, c.DeclareVTab(`CREATE TABLE x (` + columns.String() + `groups HIDDEN)`)
	})
}

type grouped struct{ runner *Runner }

// BestIndex takes the number of the groups, which SQLite passes as a condition on the hidden column.
func (grouped) BestIndex(idx *sqlite3.IndexInfo) error {
	for i, c := range idx.Constraint {
		if c.Op == sqlite3.INDEX_CONSTRAINT_EQ && c.Column == sql.MaxGrouped && c.Usable {
			idx.ConstraintUsage[i] = sqlite3.IndexConstraintUsage{Omit: true, ArgvIndex: 1}
			return nil
		}
	}
	return sqlite3.CONSTRAINT
}

func (g grouped) Open() (sqlite3.VTabCursor, error) { return &groupCursor{runner: g.runner}, nil }

// groupCursor points to one of the groups.
type groupCursor struct {
	runner *Runner
	rows   [][]value.Value
	at     int
}

func (c *groupCursor) Filter(_ int, _ string, a ...sqlite3.Value) error {
	n := a[0].Int64()
	c.rows, c.at = c.runner.grouped.rows[n], 0
	delete(c.runner.grouped.rows, n)
	return nil
}

func (c *groupCursor) Next() error           { c.at++; return nil }
func (c *groupCursor) EOF() bool             { return c.at >= len(c.rows) }
func (c *groupCursor) RowID() (int64, error) { return int64(c.at), nil }

func (c *groupCursor) Column(ctx sqlite3.Context, n int) error {
	if row := c.rows[c.at]; n < len(row) {
		give(ctx, row[n])
	}
	return nil
}
