// Command tandem keeps JSON document databases and syncs them from peer to peer.
//
//	tandem import notes notes.jsonl
//	tandem serve notes --user u --password-file pw
//	tandem sync copy wss://host:port/notes --user u --password-file pw --self-signed
//
// A subcommand is one file: usage, flags and calls of the library. Results go to standard output
// and everything else to standard error, where errors read "tandem: cause" and then "hint: what to
// try".
//
// The exit status is 0 on success, 2 for an invalid command line, and 1 for a failure. The first
// SIGINT or SIGTERM ends the command in good order, the second at once. A command whose output
// nobody reads any more ends in good order, too, with status 1.
package main
