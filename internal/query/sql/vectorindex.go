package sql

import (
	"fmt"
	"strings"

	"github.com/tandemdb/tandem/internal/query/plan"
)

// VectorIndex is an index of vectors: a table of the vectors of documents by the IDs of these. A vector that changes gets
// another number, which no vector had before. So the vector of a number never changes, and can be kept in memory.
//
// A document whose value is no vector has a row without one. A table of one row has a token that no other index has, a version
// that each change raises, how many vectors there are, and how many rows without one. With Lists, further tables tell to which
// list each vector belongs, once the centroids of the lists are known. With Lazy the program sets the vectors, and a further table
// has the IDs of documents whose vectors it has to set.
type VectorIndex struct {
	Name       string    // the names of its tables begin with it
	Docs       string    // the table of the documents
	Vector     plan.Expr // of a document
	Dimensions int
	Where      plan.Expr // of a document; nil for all documents
	Lists      bool
	Lazy       bool
}

// VectorTriggerVersion changes with the text of [VectorIndex.Create].
const VectorTriggerVersion = "4"

// Rows returns the table of the vectors: n, id and vector. That of a lazy index has a hash of what each vector was made of,
// and may know that a document has no vector.
func (x VectorIndex) Rows() string { return x.Name + " vectors" }

// Slots is how many divisions into lists an index may have: one that searches use, and one that is about to take its place.
const Slots = 2

// Members returns the table of the vectors' lists in a slot: n and list.
func (x VectorIndex) Members(slot int) string { return fmt.Sprintf("%s members %d", x.Name, slot) }

// Trained returns the table of the centroids: their slot, a token that no other centroids have, the centroids, the number up to
// which vectors have a list, NULL if all have one, and how many vectors there were when they were found.
func (x VectorIndex) Trained() string { return x.Name + " lists" }

// State returns the table with the token, the version and the number of vectors.
func (x VectorIndex) State() string { return x.Name + " state" }

// Waiting returns the table of the documents whose vectors a lazy index lacks.
func (x VectorIndex) Waiting() string { return x.Name + " waiting" }

func (x VectorIndex) byList(slot int) string { return fmt.Sprintf("%s list %d", x.Name, slot) }

func (x VectorIndex) triggers() []string {
	names := []string{x.Name + " insert", x.Name + " update", x.Name + " delete", x.Name + " come", x.Name + " go"}
	if x.Lists {
		names = append(names, x.Name+" enlist", x.Name+" unlist")
	}
	return names
}

// Parts returns the names of tables, indexes and triggers.
func (x VectorIndex) Parts() []string {
	names := append(x.triggers(), x.Rows(), x.State())
	if x.Lists {
		names = append(names, x.Trained())
		for slot := range Slots {
			names = append(names, x.Members(slot), x.byList(slot))
		}
	}
	if x.Lazy {
		names = append(names, x.Waiting())
	}
	return names
}

// Create returns the SQL that creates the tables, and the triggers that keep them.
func (x VectorIndex) Create() string { return x.CreateRows() + ";\n" + x.createRest() }

// createRest returns the SQL that creates all but the table of the vectors.
func (x VectorIndex) createRest() string {
	text := x.createState()
	if x.Lists {
		text += x.createLists()
	}
	if x.Lazy {
		text += fmt.Sprintf("CREATE TABLE %s (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);\n", identifier(x.Waiting()))
	}
	changed := "UPDATE OF flags, body"
	when := " WHEN (OLD.flags & 1, OLD.body) IS NOT (NEW.flags & 1, NEW.body)"
	if x.Where != nil || plan.ReadsMeta(x.Vector) { // they may depend on other columns
		changed, when = "UPDATE", ""
	}
	if x.Lazy {
		if when != "" {
			when += " AND "
		} else {
			when = " WHEN "
		}
		when += x.source("OLD") + " IS NOT " + x.source("NEW")
	}
	insert, remove := x.Enter("NEW", "")+"; ", x.forget("OLD.id")
	change := fmt.Sprintf("DELETE FROM %s WHERE id = OLD.id AND ifnull(vector, x'') IS NOT (%s); ", identifier(x.Rows()), x.vectorOf("NEW"))
	if x.Lazy {
		change = remove
	}
	names := x.triggers()
	return text + fmt.Sprintf("CREATE TRIGGER %s AFTER INSERT ON %s BEGIN %sEND;\n", identifier(names[0]), x.Docs, insert) +
		fmt.Sprintf("CREATE TRIGGER %s AFTER %s ON %s%s BEGIN %sEND;\n", identifier(names[1]), changed, x.Docs, when, change+insert) +
		fmt.Sprintf("CREATE TRIGGER %s AFTER DELETE ON %s BEGIN %sEND;\n", identifier(names[2]), x.Docs, remove)
}

// CreateRows returns the SQL that creates the table of the vectors.
func (x VectorIndex) CreateRows() string {
	source := ""
	if x.Lazy {
		source = ", source BLOB"
	}
	return fmt.Sprintf("CREATE TABLE %s (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, vector BLOB%s)", identifier(x.Rows()), source)
}

func (x VectorIndex) createState() string {
	names := x.triggers()
	return fmt.Sprintf(`CREATE TABLE %[2]s (token TEXT NOT NULL, version INTEGER NOT NULL, live INTEGER NOT NULL, empty INTEGER NOT NULL);
INSERT INTO %[2]s SELECT hex(randomblob(8)), 0, count(vector), count(*) - count(vector) FROM %[1]s;
CREATE TRIGGER %[3]s AFTER INSERT ON %[1]s BEGIN UPDATE %[2]s SET version = version + 1, live = live + (NEW.vector IS NOT NULL), empty = empty + (NEW.vector IS NULL); END;
CREATE TRIGGER %[4]s AFTER DELETE ON %[1]s BEGIN UPDATE %[2]s SET version = version + 1, live = live - (OLD.vector IS NOT NULL), empty = empty - (OLD.vector IS NULL); END;
`, identifier(x.Rows()), identifier(x.State()), identifier(names[3]), identifier(names[4]))
}

func (x VectorIndex) createLists() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (slot INTEGER PRIMARY KEY, token TEXT NOT NULL, centroids BLOB NOT NULL, position INTEGER, size INTEGER NOT NULL);\n",
		identifier(x.Trained()))
	enlist, unlist := "", ""
	for slot := range Slots {
		members := identifier(x.Members(slot))
		fmt.Fprintf(&b, "CREATE TABLE %[1]s (n INTEGER PRIMARY KEY, list INTEGER NOT NULL);\nCREATE INDEX %[2]s ON %[1]s (list);\n",
			members, identifier(x.byList(slot)))
		enlist += x.enlist(slot) + "; "
		unlist += "DELETE FROM " + members + " WHERE n = OLD.n; "
	}
	names := x.triggers()
	fmt.Fprintf(&b, "CREATE TRIGGER %s AFTER INSERT ON %s BEGIN %sEND;\n", identifier(names[5]), identifier(x.Rows()), enlist)
	fmt.Fprintf(&b, "CREATE TRIGGER %s AFTER DELETE ON %s BEGIN %sEND;\n", identifier(names[6]), identifier(x.Rows()), unlist)
	return b.String()
}

// enlist returns the SQL that puts the vector of NEW into its list of a slot, if that has centroids.
func (x VectorIndex) enlist(slot int) string {
	return fmt.Sprintf("INSERT INTO %s SELECT NEW.n, list FROM (SELECT tandem_list(%s, token, NEW.vector) AS list FROM %s WHERE slot = %d AND NEW.vector IS NOT NULL LIMIT -1) WHERE list IS NOT NULL ON CONFLICT DO NOTHING",
		identifier(x.Members(slot)), quoted(x.Trained()), identifier(x.Trained()), slot)
}

// Listed returns the SQL that reads the vectors of the list ?1 of a slot, with numbers above ?2, by these.
func (x VectorIndex) Listed(slot int) string {
	return fmt.Sprintf("SELECT v.n, v.vector FROM %s AS m CROSS JOIN %s AS v ON v.n = m.n WHERE m.list = ?1 AND m.n > ?2 AND v.vector IS NOT NULL ORDER BY m.n",
		identifier(x.Members(slot)), identifier(x.Rows()))
}

// Drop returns the SQL that removes what Create has created.
func (x VectorIndex) Drop() string {
	return x.dropRest() + "DROP TABLE IF EXISTS " + identifier(x.Rows()) + "; "
}

// dropRest returns the SQL that removes all but the table of the vectors.
func (x VectorIndex) dropRest() string {
	var b strings.Builder
	x.Lists, x.Lazy = true, true
	for _, name := range x.triggers() {
		b.WriteString("DROP TRIGGER IF EXISTS " + identifier(name) + "; ")
	}
	older := x.Name + " members" // of version 3
	for _, name := range []string{older, x.Members(0), x.Members(1), x.Trained(), x.Waiting(), x.State()} {
		b.WriteString("DROP TABLE IF EXISTS " + identifier(name) + "; ")
	}
	return b.String()
}

// Fill returns the SQL that enters the documents with sequences above ?1 and up to ?2.
func (x VectorIndex) Fill() string { return x.Enter("d", "d.seq > ?1 AND d.seq <= ?2") }

// Enter returns the SQL that enters documents: NEW of a trigger, or the documents d that satisfy a condition.
func (x VectorIndex) Enter(doc, condition string) string {
	from := ""
	if doc == "d" {
		from = " FROM " + x.Docs + " AS d"
	}
	if x.Lazy {
		return fmt.Sprintf("INSERT INTO %s (id) SELECT %s.id%s WHERE %s AND %s IS NOT NULL AND NOT EXISTS (SELECT 1 FROM %s WHERE id = %[2]s.id) ON CONFLICT DO NOTHING",
			identifier(x.Waiting()), doc, from, and(x.indexed(doc), condition), x.source(doc), identifier(x.Rows()))
	}
	// The LIMIT keeps SQLite from reading the vector twice.
	return fmt.Sprintf("INSERT INTO %s (id, vector) SELECT id, nullif(vector, x'') FROM (SELECT %s.id AS id, %s AS vector%s WHERE %s LIMIT -1) WHERE vector IS NOT NULL ON CONFLICT DO NOTHING",
		identifier(x.Rows()), doc, x.vector(doc), from, and(x.indexed(doc), condition))
}

// forget returns the SQL that removes a document.
func (x VectorIndex) forget(id string) string {
	text := "DELETE FROM " + identifier(x.Rows()) + " WHERE id = " + id + "; "
	if x.Lazy {
		text += "DELETE FROM " + identifier(x.Waiting()) + " WHERE id = " + id + "; "
	}
	return text
}

func and(a, b string) string {
	if b == "" {
		return a
	}
	return a + " AND " + b
}

// vector returns the vector of a document, as a blob, which is empty for another value. It is NULL if there is no value.
func (x VectorIndex) vector(doc string) string {
	w := documentWriter(doc + ".")
	if p, ok := x.Vector.(*plan.Property); ok && len(p.Path) > 0 {
		return fmt.Sprintf("tandem_vector_at(%s.body, %s, %d)", doc, quoted(p.Path.String()), x.Dimensions)
	}
	return fmt.Sprintf("tandem_vector(%s, %d)", w.aside(func() { w.full(x.Vector) }), x.Dimensions)
}

// vectorOf returns a query for the vector that a document has in the index.
func (x VectorIndex) vectorOf(doc string) string {
	return "SELECT " + x.vector(doc) + " WHERE " + x.indexed(doc)
}

// indexed returns the condition that a document belongs to the index.
func (x VectorIndex) indexed(doc string) string {
	text := doc + ".flags & 1 = 0"
	if x.Where != nil {
		text += " AND (" + documentWriter(doc+".").uncollated(x.Where) + ")"
	}
	return text
}

// Differs returns the SQL that finds the IDs of documents that have another vector in the index than they should.
func (x VectorIndex) Differs() string {
	if x.Lazy {
		return x.lazyDiffers()
	}
	return fmt.Sprintf("SELECT d.id FROM %s AS d WHERE (%s) IS NOT (SELECT ifnull(vector, x'') FROM %s WHERE id = d.id)",
		x.Docs, x.vectorOf("d"), identifier(x.Rows()))
}

// Strays returns the SQL that finds the IDs in the index without a document.
func (x VectorIndex) Strays() string {
	rows := "SELECT id FROM " + identifier(x.Rows())
	if x.Lazy {
		rows += " UNION ALL SELECT id FROM " + identifier(x.Waiting())
	}
	return fmt.Sprintf("SELECT id FROM (%s) WHERE id NOT IN (SELECT id FROM %s)", rows, x.Docs)
}

// Unlisted returns the SQL that counts the vectors whose list in a slot is missing or, of the first 1000 ones, wrong, and the entries
// of lists without a vector.
func (x VectorIndex) Unlisted(slot int) string {
	return fmt.Sprintf(`SELECT (SELECT count(*) FROM %[3]s WHERE n NOT IN (SELECT n FROM %[1]s)) + count(*) FROM %[1]s AS v, %[2]s AS t LEFT JOIN %[3]s AS m ON m.n = v.n
WHERE t.slot = %[5]d AND t.position IS NULL AND v.vector IS NOT NULL
AND (m.n IS NULL OR v.n <= 1000 AND m.list IS NOT tandem_list(%[4]s, t.token, v.vector))`,
		identifier(x.Rows()), identifier(x.Trained()), identifier(x.Members(slot)), quoted(x.Trained()), slot)
}
