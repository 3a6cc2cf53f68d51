// Package queries runs translated queries on a connection to SQLite.
//
//	runner, err := queries.Prepare(conn)
//	…
//	rows, err := runner.Run(statement, values)
//	defer rows.Close()
//	for rows.Next() {
//		name := rows.Value(0)
//	}
//	err = rows.Err()
//
// [Prepare] registers the functions, collations and the table of items that the SQL of
// internal/query/sql names. A [Runner] and its [Rows] may be used only by the goroutine that uses
// the connection.
package queries
