// Package live runs queries again after changes, and hands each result that differs to those who
// follow the query. It knows neither SQL nor documents: a [Query] names the collections that it
// reads, and has a function that runs it.
//
// A [Hub] belongs to one database. Queries with the same key are one query: it runs once for all of
// its followers. A run is queued
//
//   - at once when the query gets its first follower, or a follower that the present result is not
//     recent enough for,
//   - when a collection has changed, but not within [Pause] of the last run's begin,
//   - [RetryAfter] after a failure that may pass.
//
// A few runners take the queries from the queue, the one that is due first before the others, so
// that each gets its turn. While writers are busy and many queries wait, runners rest after each
// run: see [rest]. Nothing wakes up while nothing changes: a hub without a queued run has no runner
// and no timer.
//
// Each [Follower] has a mailbox with room for the newest result alone, so that a follower that
// never looks into it holds up nobody.
package live
