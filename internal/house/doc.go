// Package house holds no code, only the tests that keep the source tree in order: what each
// package may import, how it opens, and how long a file may grow. They need the go command.
//
// [github.com/tandemdb/tandem] and all below it are looked at. A new package is entered in the
// table of house_test.go, and in .golangci.yml, which says the same to an editor.
package house
