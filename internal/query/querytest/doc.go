// Package querytest has what the tests of queries share: recorded queries with the results of Couchbase Lite, the
// documents they run over, the list of results in which Tandem differs on purpose, and a check of refused queries.
package querytest
