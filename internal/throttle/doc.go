// Package throttle slows down the guessing of passwords, by the address of who guesses. The sync
// port and the REST port have one in common, or one each.
package throttle
