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
const TextTriggerVersion = "1"

// Table returns the table of FTS5. Its own tables have this name and a suffix, and no other name ends in the same way.
func (x TextIndex) Table() string { return x.Name + " index" }

// Terms returns a table with the number of times that each word is in each column.
func (x TextIndex) Terms() string { return x.Name + " terms" }

// Places returns a table with the place of each word.
func (x TextIndex) Places() string { return x.Name + " places" }

func (x TextIndex) changed() string { return x.Name + " changed" }

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
		return "INSERT INTO " + identifier(x.changed()) + " VALUES " + sequences + " ON CONFLICT DO NOTHING; SELECT tandem_changed(" + quoted(x.Name) + ");"
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
		identifier(x.changed()), triggers[3], x.Texts(), triggers[0], x.Docs, note("(NEW.seq)"), triggers[2], note("(OLD.seq)"),
		triggers[1], changed, when, note("(OLD.seq), (NEW.seq)"))
}

// Drop returns the SQL that removes what Create has created.
func (x TextIndex) Drop() string {
	var b strings.Builder
	for _, name := range x.triggers() {
		b.WriteString("DROP TRIGGER IF EXISTS " + identifier(name) + "; ")
	}
	for _, name := range []string{x.Terms(), x.Places(), x.Table(), x.changed()} {
		b.WriteString("DROP TABLE IF EXISTS " + identifier(name) + "; ")
	}
	return b.String()
}

// Parts returns the names of tables and triggers.
func (x TextIndex) Parts() []string {
	return append(x.triggers(), x.Table(), x.Terms(), x.Places(), x.changed())
}

// Fill returns the SQL that notes the documents with sequences above ?1 and up to ?2.
func (x TextIndex) Fill() string {
	return "INSERT INTO " + identifier(x.changed()) + " SELECT seq FROM " + x.Docs + " WHERE seq > ?1 AND seq <= ?2 ON CONFLICT DO NOTHING"
}

// ApplyText returns the SQL that has the index of a name follow what was noted.
func ApplyText(name string) string {
	return "DELETE FROM " + identifier(TextIndex{Name: name}.changed())
}

// Waiting returns the SQL that counts what is noted and not yet in the index.
func (x TextIndex) Waiting() string { return "SELECT count(*) FROM " + identifier(x.changed()) }

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

// text returns the index that a search of the query uses.
func (w *writer) textIndex(number int) TextIndex {
	m := w.q.Matches[number]
	return w.tables(w.q.Sources[m.Source].Collection).Texts[m.Index]
}

// searchName returns the alias of a search, which shows in SQLite's plan.
func (w *writer) searchName(number int) string {
	name := "fulltext " + w.q.Matches[number].Index
	if number > 0 {
		name = fmt.Sprintf("fulltext %d %s", number+1, w.q.Matches[number].Index)
	}
	return identifier(name)
}

// leading reports whether the rows of a search lead to the documents of the first source. Others are searched first, and
// their sequences kept.
func (w *writer) leading(number int) bool { return number == 0 && w.q.Matches[0].Source == 0 }

// found writes the search that leads to the first source.
func (w *writer) found() {
	if len(w.q.Matches) == 0 || !w.leading(0) {
		return
	}
	if w.q.Matches[0].Ranked {
		w.rankedRows(0)
	} else {
		w.put(identifier(w.textIndex(0).Table()))
	}
	w.put(" AS ", w.searchName(0), " CROSS JOIN ")
}

// ranks writes the other searches whose RANK the query uses.
func (w *writer) ranks() {
	for i, m := range w.q.Matches {
		if m.Ranked && !w.leading(i) {
			w.put(" JOIN ", func() { w.rankedRows(i) }, " AS ", w.searchName(i))
		}
	}
}

// rankedRows writes a subquery of the sequences that a search finds, with their ranks. SQLite must not make it a part of
// the query around it, where groups and sorted rows have no rank.
func (w *writer) rankedRows(number int) {
	table := identifier(w.textIndex(number).Table())
	w.put("(SELECT rowid AS seq, tandem_rank(", table, ", ")
	w.bind(Binding{Kind: Totals, Number: number})
	w.put(") AS rank FROM ", table, " WHERE ", table, " MATCH ")
	w.bind(Binding{Kind: Search, Number: number})
	w.put(" LIMIT -1)")
}

// match writes the condition that a search finds a document.
func (w *writer) match(number int) {
	m := w.q.Matches[number]
	table := identifier(w.textIndex(number).Table())
	document := fmt.Sprintf("d%d.seq", m.Source)
	switch {
	case m.Ranked:
		w.put("(", document, " = ", w.searchName(number), ".seq)")
	case w.leading(number):
		w.put("(", w.searchName(number), ".", table, " MATCH ")
		w.bind(Binding{Kind: Search, Number: number})
		w.put(" AND ", document, " = ", w.searchName(number), ".rowid)")
	default:
		w.put("(", document, " IN (SELECT rowid FROM ", table, " WHERE ", table, " MATCH ")
		w.bind(Binding{Kind: Search, Number: number})
		w.put("))")
	}
}

// foundCounted writes a query that counts what its only search finds. The index has no deleted documents.
func (w *writer) foundCounted(t Table) {
	w.columns = []Form{Full}
	table := identifier(w.textIndex(0).Table())
	w.put("SELECT count(*) FROM ", table, " AS ", w.searchName(0), " WHERE ", w.searchName(0), ".", table, " MATCH ")
	w.bind(Binding{Kind: Search, Number: 0})
	w.put(" AND ", w.searchName(0), ".rowid NOT IN (SELECT seq FROM ", t.Name, " WHERE ")
	w.expired()
	w.put(")")
}
