// Package prompt has the parts of tandem's prompt for queries that need no terminal: it finds the
// ends of statements, completes words, and lays out tables.
package prompt
