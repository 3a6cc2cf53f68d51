// Package plainjson decodes JSON that people write: configurations and requests. Its errors name no types
// of Go, and it refuses members that it does not know.
package plainjson
