// Package querytest is shared by the tests of queries: queries and expressions with the results that the description of the
// language gives them, recorded queries with the results of
// Couchbase Lite, their documents, the list of results in which Tandem differs on purpose, and a
// check of refused queries.
package querytest
