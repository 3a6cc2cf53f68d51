package sql

import "fmt"

// source returns what a lazy index gives the program for a document, NULL if the document is not in the index.
func (x VectorIndex) source(doc string) string {
	w := documentWriter(doc + ".")
	return fmt.Sprintf("iif(%s, %s, NULL)", x.indexed(doc), w.aside(func() { w.full(x.Vector) }))
}

// lazyDiffers is [VectorIndex.Differs] of a lazy index. A document of the index either waits, or has a vector that was made of
// what the index gives for it.
func (x VectorIndex) lazyDiffers() string {
	return fmt.Sprintf(`SELECT d.id FROM %[1]s AS d
WHERE (%[2]s IS NOT NULL) IS NOT ((SELECT count(*) FROM %[3]s WHERE id = d.id) + (SELECT count(*) FROM %[4]s WHERE id = d.id))
OR EXISTS (SELECT 1 FROM %[3]s AS v WHERE v.id = d.id AND %[5]s)`,
		x.Docs, x.source("d"), identifier(x.Rows()), identifier(x.Waiting()), x.stale())
}

// stale returns the condition that the row v does not belong to the document d as that is now.
func (x VectorIndex) stale() string {
	return fmt.Sprintf("(v.source IS NOT tandem_source(%s) OR length(v.vector) <> %d)", x.source("d"), 4*x.Dimensions)
}

// Keep returns the SQL that creates a lazy index around the vectors that it has: all else is as after Create.
func (x VectorIndex) Keep() string {
	return x.dropRest() + fmt.Sprintf("DELETE FROM %s WHERE id NOT IN (SELECT id FROM %s);\n", identifier(x.Rows()), x.Docs) + x.createRest()
}

// Stale returns the SQL that removes the vectors of a lazy index that do not belong to their documents, which have sequences
// above ?1 and up to ?2.
func (x VectorIndex) Stale() string {
	return fmt.Sprintf("DELETE FROM %[1]s WHERE id IN (SELECT d.id FROM %[2]s AS d CROSS JOIN %[1]s AS v ON v.id = d.id WHERE d.seq > ?1 AND d.seq <= ?2 AND %[3]s)",
		identifier(x.Rows()), x.Docs, x.stale())
}

// Batch returns the SQL that reads documents that wait for vectors: their IDs, and in full form what the program gets. ?1 is
// how many at most.
func (x VectorIndex) Batch() string {
	return fmt.Sprintf("SELECT w.id, %s FROM %s AS w CROSS JOIN %s AS d ON d.id = w.id WHERE %s IS NOT NULL ORDER BY w.n LIMIT ?1",
		x.source("d"), identifier(x.Waiting()), x.Docs, x.source("d"))
}

// Postpone returns the SQL that lets the document ?1 wait behind all others.
func (x VectorIndex) Postpone() string {
	return fmt.Sprintf("UPDATE %[1]s SET n = (SELECT max(n) + 1 FROM %[1]s) WHERE id = ?1", identifier(x.Waiting()))
}

// Source returns the SQL that reads, in full form, what the program gets of the document ?1 if that waits for a vector.
func (x VectorIndex) Source() string {
	return fmt.Sprintf("SELECT %s FROM %s AS w CROSS JOIN %s AS d ON d.id = w.id WHERE w.id = ?1",
		x.source("d"), identifier(x.Waiting()), x.Docs)
}

// Arrived returns the SQL that notes that the document ?1 waits no more, Unset the SQL that removes the vector that it had,
// and Set the SQL that takes its vector ?2, NULL for none, which was made of what has the hash ?3.
func (x VectorIndex) Arrived() string {
	return "DELETE FROM " + identifier(x.Waiting()) + " WHERE id = ?1"
}

// Unset is described with [VectorIndex.Arrived].
func (x VectorIndex) Unset() string { return "DELETE FROM " + identifier(x.Rows()) + " WHERE id = ?1" }

// Set is described with [VectorIndex.Arrived].
func (x VectorIndex) Set() string {
	return "INSERT INTO " + identifier(x.Rows()) + " (id, vector, source) VALUES (?1, ?2, ?3)"
}
