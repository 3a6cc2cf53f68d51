// Package row is what a store needs of an engine that keeps the rows of one database for several nodes: plain
// rows, read many at a time, and one batch of writes for each commit. The rules of a database are
// above it, in package store; the SQL of an engine is below it.
package row
