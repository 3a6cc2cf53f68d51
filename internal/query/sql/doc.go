// Package sql translates queries to SQL over the JSON text of documents.
//
//	s, err := sql.Translate(q, tables, time.Local)
//	// s.Text is a SELECT, s.Bindings says what its parameters are, s.Columns how to read its columns
//
// Values have three forms in SQL. In all of them, MISSING is SQL's NULL, and NULL is an empty blob.
//
//   - In their full form booleans are blobs of one byte, integers above int64 are blobs of nine, arrays and objects
//     are their canonical JSON as a blob; other values are themselves.
//   - In their key form booleans are 1 and 0, and all numbers are numbers. SQL's own order and operators then are those
//     of queries: MISSING, numbers, text, NULL, arrays and objects.
//   - As they are written, in JSON: for result columns, so that nothing is lost.
//
// The functions in the SQL text are implemented by internal/store/queries. Their names begin with
// tandem_.
package sql
