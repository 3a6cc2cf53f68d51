package sql

import (
	"fmt"
	"maps"
	"strings"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/value"
)

// ArrayIndex is an index on the items of arrays: a table of the values that items have for its terms, each together
// with the ID of the document. Items whose first term is MISSING are not in it.
//
// A query never reads values from the table. It asks which documents may have an item that fits, and looks at those.
// So the table may hold more than there is, and is kept by ID, since a document's row moves with each edit.
type ArrayIndex struct {
	Table string       // its name
	Docs  string       // the table of the documents
	Path  []value.Path // to the arrays: each path leads on from the items of the one before
	Terms []plan.Expr  // of an item; at least one
	Where plan.Expr    // of a document; nil for all documents
}

// TriggerVersion changes with the text of [ArrayIndex.Create]: triggers stay in the database as they were created.
const TriggerVersion = "2"

// Create returns the SQL that creates the table, and the triggers that keep it. An entry that stays is not rewritten.
// SQLite searches the table for each row of a subquery, but reads it whole for a compound SELECT: hence SELECT * FROM.
func (x ArrayIndex) Create() string {
	columns := make([]string, len(x.Terms))
	for i, t := range x.Terms {
		columns[i] = fmt.Sprintf("k%d", i)
		if _, c := plan.Uncollated(t); c != (collation.Collation{}) {
			columns[i] += " COLLATE " + identifier(c.Name())
		}
	}
	keys := x.keys()
	changed := "UPDATE OF flags, body"
	when := " WHEN (OLD.flags & 1, OLD.body) IS NOT (NEW.flags & 1, NEW.body)"
	if x.Where != nil { // the condition may depend on other columns
		changed, when = "UPDATE", ""
	}
	return fmt.Sprintf(`CREATE TABLE %[1]s (%[2]s, id TEXT, PRIMARY KEY (%[3]s)) WITHOUT ROWID;
CREATE TRIGGER %[4]s AFTER INSERT ON %[5]s BEGIN INSERT INTO %[1]s %[6]s ON CONFLICT DO NOTHING; END;
CREATE TRIGGER %[7]s AFTER DELETE ON %[5]s BEGIN DELETE FROM %[1]s WHERE (%[3]s) IN (%[8]s); END;
CREATE TRIGGER %[9]s AFTER %[10]s ON %[5]s%[11]s BEGIN
	DELETE FROM %[1]s WHERE (%[3]s) IN (SELECT * FROM (%[8]s EXCEPT %[6]s));
	INSERT INTO %[1]s SELECT * FROM (%[6]s EXCEPT %[8]s) WHERE true ON CONFLICT DO NOTHING;
END;
`, identifier(x.Table), strings.Join(columns, ", "), keys, x.trigger("insert"), x.Docs, x.entries("NEW", ""), x.trigger("delete"),
		x.entries("OLD", ""), x.trigger("update"), changed, when)
}

// Drop returns the SQL that removes what Create has created.
func (x ArrayIndex) Drop() string {
	return "DROP TRIGGER IF EXISTS " + x.trigger("insert") + "; DROP TRIGGER IF EXISTS " + x.trigger("update") +
		"; DROP TRIGGER IF EXISTS " + x.trigger("delete") + "; DROP TABLE IF EXISTS " + identifier(x.Table) + ";"
}

// Fill returns the SQL that enters the documents with sequences above ?1 and up to ?2.
func (x ArrayIndex) Fill() string {
	return "INSERT INTO " + identifier(x.Table) + " " + x.entries("d", "d.seq > ?1 AND d.seq <= ?2") + " ON CONFLICT DO NOTHING"
}

// Absent returns the SQL that finds the IDs of documents with values that are not in the table.
func (x ArrayIndex) Absent() string {
	return "SELECT DISTINCT id FROM (" + x.entries("d", "") + ") WHERE (" + x.keys() + ") NOT IN (SELECT " + x.keys() + " FROM " +
		identifier(x.Table) + ")"
}

// Entries returns the SQL that counts the entries there should be.
func (x ArrayIndex) Entries() string {
	return "SELECT count(*) FROM (SELECT DISTINCT " + x.keys() + " FROM (" + x.entries("d", "") + "))"
}

// keys lists the columns of the table.
func (x ArrayIndex) keys() string {
	var b strings.Builder
	for i := range x.Terms {
		fmt.Fprintf(&b, "k%d, ", i)
	}
	return b.String() + "id"
}

func (x ArrayIndex) trigger(on string) string { return identifier(x.Table + " " + on) }

// entries returns a SELECT of the entries of a document: of NEW or OLD in a trigger, else of all documents d that
// satisfy a condition.
func (x ArrayIndex) entries(doc, condition string) string {
	var b strings.Builder
	b.WriteString("SELECT ")
	item := itemWriter(fmt.Sprintf("i%d.", len(x.Path)-1))
	for i, t := range x.Terms {
		if i == 0 {
			fmt.Fprintf(&b, "%s AS k%d, ", item.term(t), i)
		} else { // no column of the table's key can be NULL
			fmt.Fprintf(&b, "ifnull(%s, x'ff')%s AS k%d, ", item.uncollated(t), collated(t), i)
		}
	}
	fmt.Fprintf(&b, "%s.id AS id FROM ", doc)
	if doc == "d" {
		fmt.Fprintf(&b, "%s AS d JOIN ", x.Docs)
	}
	text := doc + ".body"
	for i, p := range x.Path {
		if i > 0 {
			b.WriteString(" JOIN ")
		}
		fmt.Fprintf(&b, "tandem_items(%s, %s) AS i%d", text, quoted(p.String()), i)
		text = fmt.Sprintf("i%d.text", i)
	}
	fmt.Fprintf(&b, " WHERE %s.flags & 1 = 0 AND %s IS NOT NULL", doc, item.uncollated(x.Terms[0]))
	if x.Where != nil {
		fmt.Fprintf(&b, " AND %s", documentWriter(doc+".").uncollated(x.Where))
	}
	if condition != "" {
		b.WriteString(" AND " + condition)
	}
	return b.String()
}

// term returns the SQL of an expression with its collation.
func (w *writer) term(x plan.Expr) string { return w.uncollated(x) + collated(x) }

// uncollated returns the SQL of an expression without its collation.
func (w *writer) uncollated(x plan.Expr) string {
	x, _ = plan.Uncollated(x)
	return w.aside(func() { w.key(x) })
}

func collated(x plan.Expr) string {
	if _, c := plan.Uncollated(x); c != (collation.Collation{}) {
		return " COLLATE " + identifier(c.Name())
	}
	return ""
}

// aside returns what a function writes, which stays out of the text, and out of the bindings.
func (w *writer) aside(write func()) string {
	var before strings.Builder
	before, w.b = w.b, before
	bindings, numbers := len(w.bindings), maps.Clone(w.numbers)
	write()
	text := w.b.String()
	w.b, w.bindings, w.numbers = before, w.bindings[:bindings], numbers
	return text
}
