// Package postgres keeps the rows of a database in PostgreSQL, for any number of nodes at once.
//
// A database is a schema. Its tables:
//
//   - hub has one row, which every commit updates first and holds to its end: so one transaction writes at a
//     time, and sequences become visible in their order.
//   - node has a row for each source of versions. A node holds one by lease, and each commit updates it: that
//     refuses a node whose lease another has taken, and answers whether a commit arrived whose reply was lost.
//   - collection has the collections with their counters, and the names of their tables.
//   - A table for each collection has its documents, and a view those that are not deleted.
//   - kept, value, conflict, blob and chunk have the rest.
//
// Readers use one snapshot for each view. News of commits come by NOTIFY, and by a look each second.
package postgres
