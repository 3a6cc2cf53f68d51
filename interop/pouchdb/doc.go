// Package pouchdb lets the real PouchDB sync with Tandem, in Node and in Chromium. It has tests alone,
// which install PouchDB from the npm registry and are skipped where node, npm, the registry or
// Chromium is missing. With TANDEM_POUCHDB=required that is a failure.
package pouchdb
