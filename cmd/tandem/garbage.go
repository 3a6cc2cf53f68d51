package main

import "os"

// garbageRoom is how much garbage a server may gather before it is collected, beyond what Go allows by
// itself, in bytes. Go's 4 MB for a small heap are a collection for every few requests: a fifth of their time.
const garbageRoom = 32 << 20

// roomForGarbage returns memory that is never touched, and so takes none of the machine's, but counts for
// when Go collects garbage. It returns nil where the environment says when.
func roomForGarbage() []byte {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	return make([]byte, garbageRoom)
}
