// Package querytest has what the tests of queries share: recorded queries with the results of Couchbase Lite, the
// documents they run over, and the list of results in which Tandem differs on purpose.
package querytest
