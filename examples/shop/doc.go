// Command shop stores a document and syncs its database with a peer. README.md shows it.
package main
