package sql

import (
	"fmt"
	"strings"

	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/value"
)

// TextIndex is a full-text index: a table of SQLite's FTS5 that has the words of documents by their sequence, but not
// their text.
//
// FTS5 writes what a transaction has changed at each savepoint, and takes long then. So triggers only note the sequences
// that come and go, in a table of their own, and Apply has FTS5 forget the documents that had these sequences, and read
// those that have them now. It runs once before a commit, and before a search in the same transaction.
type TextIndex struct {
	Name      string       // the names of its tables begin with it
	Docs      string       // the table of the documents
	Paths     []value.Path // to the texts: its columns
	Tokenizer string       // with arguments, as FTS5 takes it
	Where     plan.Expr    // of a document; nil for all documents
}

// TextTriggerVersion changes with the text of [TextIndex.Create].
const TextTriggerVersion = "2"

// Table returns the table of FTS5. Its own tables have this name and a suffix, and no other name ends in the same way.
func (x TextIndex) Table() string { return x.Name + " index" }

// Terms returns a table with the number of times that each word is in each column.
func (x TextIndex) Terms() string { return x.Name + " terms" }

// Places returns a table with the place of each word.
func (x TextIndex) Places() string { return x.Name + " places" }

// Changed returns the table of the sequences that the index has to follow.
func (x TextIndex) Changed() string { return x.Name + " changed" }

func (x TextIndex) triggers() []string {
	return []string{x.Name + " insert", x.Name + " update", x.Name + " delete", x.Name + " apply"}
}

// Create returns the SQL that creates the tables and triggers.
func (x TextIndex) Create() string {
	columns := make([]string, len(x.Paths))
	for i := range columns {
		columns[i] = fmt.Sprintf("c%d", i)
	}
	triggers := x.triggers()
	for i := range triggers {
		triggers[i] = identifier(triggers[i])
	}
	changed := "UPDATE OF seq, flags, body"
	when := " WHEN (OLD.seq, OLD.flags & 1, OLD.body) IS NOT (NEW.seq, NEW.flags & 1, NEW.body)"
	if x.Where != nil { // the condition may depend on other columns
		changed, when = "UPDATE", ""
	}
	note := func(sequences string) string {
		return "INSERT INTO " + identifier(x.Changed()) + " VALUES " + sequences + " ON CONFLICT DO NOTHING; SELECT tandem_changed(" + quoted(x.Name) + ");"
	}
	return fmt.Sprintf(`CREATE VIRTUAL TABLE %[1]s USING fts5(%[2]s, content='', contentless_delete=1, tokenize=%[3]s);
CREATE VIRTUAL TABLE %[4]s USING fts5vocab(%[1]s, 'col');
CREATE VIRTUAL TABLE %[5]s USING fts5vocab(%[1]s, 'instance');
CREATE TABLE %[6]s (seq INTEGER PRIMARY KEY);
CREATE TRIGGER %[7]s AFTER DELETE ON %[6]s BEGIN
	DELETE FROM %[1]s WHERE rowid = OLD.seq;
	INSERT INTO %[1]s (rowid, %[2]s) %[8]s AND d.seq = OLD.seq;
END;
CREATE TRIGGER %[9]s AFTER INSERT ON %[10]s BEGIN %[11]s END;
CREATE TRIGGER %[12]s AFTER DELETE ON %[10]s BEGIN %[13]s END;
CREATE TRIGGER %[14]s AFTER %[15]s ON %[10]s%[16]s BEGIN %[17]s END;
`, identifier(x.Table()), strings.Join(columns, ", "), quoted(x.Tokenizer), identifier(x.Terms()), identifier(x.Places()),
		identifier(x.Changed()), triggers[3], x.Texts(), triggers[0], x.Docs, note("(NEW.seq)"), triggers[2], note("(OLD.seq)"),
		triggers[1], changed, when, note("(OLD.seq), (NEW.seq)"))
}

// Drop returns the SQL that removes what Create has created.
func (x TextIndex) Drop() string {
	var b strings.Builder
	for _, name := range x.triggers() {
		b.WriteString("DROP TRIGGER IF EXISTS " + identifier(name) + "; ")
	}
	for _, name := range []string{x.Terms(), x.Places(), x.Table(), x.Changed()} {
		b.WriteString("DROP TABLE IF EXISTS " + identifier(name) + "; ")
	}
	return b.String()
}

// Parts returns the names of tables and triggers.
func (x TextIndex) Parts() []string {
	return append(x.triggers(), x.Table(), x.Terms(), x.Places(), x.Changed())
}

// Fill returns the SQL that notes the documents with sequences above ?1 and up to ?2.
func (x TextIndex) Fill() string {
	return "INSERT INTO " + identifier(x.Changed()) + " SELECT seq FROM " + x.Docs + " WHERE seq > ?1 AND seq <= ?2 ON CONFLICT DO NOTHING"
}

// ApplyText returns the SQL that has the index of a name follow what was noted.
func ApplyText(name string) string {
	return "DELETE FROM " + identifier(TextIndex{Name: name}.Changed())
}

// Waiting returns the SQL that counts what is noted and not yet in the index.
func (x TextIndex) Waiting() string { return "SELECT count(*) FROM " + identifier(x.Changed()) }

// Texts returns a SELECT of the sequences and texts of the documents d.
func (x TextIndex) Texts() string {
	var b strings.Builder
	b.WriteString("SELECT d.seq")
	for _, p := range x.Paths {
		fmt.Fprintf(&b, ", tandem_words(d.body, %s)", quoted(p.String()))
	}
	fmt.Fprintf(&b, " FROM %s AS d WHERE d.flags & 1 = 0", x.Docs)
	if x.Where != nil {
		fmt.Fprintf(&b, " AND %s", documentWriter("d.").uncollated(x.Where))
	}
	return b.String()
}
