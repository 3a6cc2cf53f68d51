// Package couchbaselite lets released Couchbase Lite libraries, as apps use them, sync with
// Tandem. It has tests only: `make interop` builds the driver (a Maven project in this folder)
// and runs them. Without the driver they are skipped.
//
// Each story runs over ws and wss, against a listener in the test's process and against
// `tandem serve`. After each, both sides are equal, the database is sound, and one more sync
// moves nothing. docs/compatibility.md holds the table that the run writes.
package couchbaselite
